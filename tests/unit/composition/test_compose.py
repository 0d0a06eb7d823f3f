"""The rules by which statements about one thing are laid over each other."""

from __future__ import annotations

from typing import Any

from fhir_server.composition.compose import compose, owner_of
from fhir_server.composition.names import choose_key
from fhir_server.composition.references import find_keys, resolve
from fhir_server.storage.contribution_rows import Contribution, Name

KEY = Name("urn:x:report", "R1")


def _said(content: dict[str, Any], time: int = 0, rank: int = 0, **more: Any) -> Contribution:
    return Contribution(f"c{time}.{rank}", more.pop("kind", "DiagnosticReport"), KEY, content, time, time, rank, **more)


def _report(*said: Contribution) -> dict[str, Any]:
    composed = compose("DiagnosticReport", said)
    assert composed is not None
    return composed


def _text(text: str) -> list[dict[str, str]]:
    return [{"contentType": "text/plain", "data": text}]


def test_lower_rank_never_replaces_a_higher_one() -> None:
    final = _said({"status": "final", "conclusion": "done"}, 1, 3)
    late = _said({"status": "preliminary", "conclusion": "not yet"}, 9, 2)
    assert _report(final, late)["conclusion"] == "done"


def test_equal_rank_goes_by_the_newest_event() -> None:
    older, newer = _said({"conclusion": "a"}, 1, 3), _said({"conclusion": "b"}, 2, 3)
    assert _report(newer, older)["conclusion"] == "b"


def test_mention_fills_what_is_missing_and_changes_nothing() -> None:
    owner = _said({"status": "final", "conclusion": "owner"}, 1, 3)
    mention = _said({"conclusion": "mention", "issued": "2026-01-01"}, 9, 5, authoritative=False)
    report = _report(owner, mention)
    assert (report["conclusion"], report["issued"]) == ("owner", "2026-01-01")


def test_cleared_element_is_gone() -> None:
    composed = _report(_said({"status": "final", "issued": "2026"}, 1, 3), _said({"issued": None}, 2, 3))
    assert "issued" not in composed


def test_texts_of_two_versions_are_never_mixed() -> None:
    first = _said({"status": "preliminary", "presentedForm": _text("a"), "conclusion": "a"}, 1, 2)
    second = _said({"status": "final", "presentedForm": _text("b")}, 2, 3)
    report = _report(first, second)
    assert report["presentedForm"] == _text("b") and "conclusion" not in report


def test_final_after_final_with_other_text_is_amended() -> None:
    first = _said({"status": "final", "presentedForm": _text("a")}, 1, 3)
    second = _said({"status": "final", "presentedForm": _text("b")}, 2, 3)
    assert _report(first, second)["status"] == "amended"
    same = _said({"status": "final", "presentedForm": _text("a")}, 2, 3)
    assert _report(first, same)["status"] == "final"


def test_cancelled_report_shows_no_text() -> None:
    final = _said({"status": "final", "presentedForm": _text("a")}, 1, 3)
    assert "presentedForm" not in _report(final, _said({"status": "cancelled"}, 2, 4))


def test_retraction_takes_back_what_its_source_said() -> None:
    said = _said({"status": "available"}, 1, 3, source="pacs", kind="ImagingStudy")
    taken_back = _said({}, 2, 0, source="pacs", kind="ImagingStudy", retracted=True)
    ordered = _said({"status": "registered"}, 0, 1, source="ris", kind="ImagingStudy")
    assert compose("ImagingStudy", [said, taken_back]) is None
    composed = compose("ImagingStudy", [said, taken_back, ordered])
    assert composed is not None and composed["status"] == "registered"


def test_choice_of_another_form_takes_the_place_of_the_former() -> None:
    period = _said({"status": "final", "effectivePeriod": {"start": "2026"}}, 1, 3)
    moment = _said({"status": "final", "effectiveDateTime": "2026-01-01"}, 2, 3)
    report = _report(period, moment)
    assert report["effectiveDateTime"] == "2026-01-01" and "effectivePeriod" not in report


def _order(time: int, rank: int, **content: Any) -> Contribution:
    return _said({"intent": "order", **content}, time, rank, kind="ServiceRequest")


def test_ended_order_stays_ended() -> None:
    ended, late = _order(1, 2, status="revoked"), _order(9, 1, status="active")
    composed = compose("ServiceRequest", [late, ended])
    assert composed is not None and composed["status"] == "revoked"


def test_order_placed_anew_after_its_end_is_active_again() -> None:
    ended = _order(5, 2, status="revoked")
    anew = _order(9, 1, status="active", authoredOn="2026-01-01")
    composed = compose("ServiceRequest", [anew, ended])
    assert composed is not None and composed["status"] == "active"


def test_two_archives_of_one_study_are_put_together() -> None:
    def held(source: str, uid: str, count: int) -> Contribution:
        series = [{"uid": uid, "modality": {"code": "CT"}, "numberOfInstances": count}]
        content = {"status": "available", "series": series, "endpoint": [{"reference": f"Endpoint/{source}"}]}
        return _said(content, count, 100, kind="ImagingStudy", source=source)

    composed = compose("ImagingStudy", [held("a", "1", 3), held("b", "2", 2)])
    assert composed is not None
    assert (composed["numberOfSeries"], composed["numberOfInstances"], len(composed["endpoint"])) == (2, 5, 2)


def test_owner_is_the_custodian_of_the_strongest_statement() -> None:
    mention = _said({}, 9, 9, authoritative=False, custodian="RWE")
    assert owner_of([mention, _said({}, 1, 1, custodian="RX1")]) == "RX1"


def test_study_uid_is_a_stronger_name_than_an_accession_number() -> None:
    uid, accession = Name("urn:dicom:uid", "urn:oid:1.2"), Name("urn:a/accession", "0001")
    assert choose_key("ImagingStudy", [accession, uid]) == (uid, (accession,))


def test_one_key_may_become_several_references() -> None:
    content = {
        "imagingStudy": [{"reference": "urn:key:ImagingStudy:urn:a/accession|1"}],
        "x": {"reference": "Patient/1"},
    }
    assert list(find_keys(content)) == [("ImagingStudy", Name("urn:a/accession", "1"))]
    resolved = resolve(content, lambda _type, _name: ["s1", "s2"])
    assert resolved["imagingStudy"] == [{"reference": "ImagingStudy/s1"}, {"reference": "ImagingStudy/s2"}]
    assert resolved["x"] == {"reference": "Patient/1"}


def test_key_of_nothing_becomes_a_logical_reference() -> None:
    resolved = resolve({"basedOn": [{"reference": "urn:key:ServiceRequest:urn:a|1"}]}, lambda _type, _name: [])
    assert resolved["basedOn"] == [{"type": "ServiceRequest", "identifier": {"system": "urn:a", "value": "1"}}]


def _line(place: str, text: str, *, withdrawn: bool = False) -> dict[str, Any]:
    line = {"place": place, "section": "IMP", "heading": "Impression", "conclusion": True}
    return line | {"text": text, "withdrawn": withdrawn}


def test_lines_that_are_sent_again_replace_those_at_their_place() -> None:
    first = _said({"status": "final"}, 1, 3, report_lines=(_line("1", "No mass."), _line("2", "No effusion.")))
    again = _said({"status": "corrected"}, 2, 4, report_lines=(_line("2", "Small effusion."), _line("3", "Recall.")))
    report = _report(again, first)
    assert report["conclusion"] == "No mass.\nSmall effusion.\nRecall."
    taken_back = _said({"status": "corrected"}, 3, 4, report_lines=(_line("1", "", withdrawn=True),))
    assert _report(again, first, taken_back)["conclusion"] == "Small effusion.\nRecall."
