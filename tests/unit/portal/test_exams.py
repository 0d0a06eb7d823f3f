"""How orders, studies and reports become the lines of a timeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fhir_server.portal.drawing import make_drawing
from fhir_server.portal.exams import Exam, PatientImaging, make_exams
from fhir_server.portal.moments import today
from terminology.systems import DICOM_UID, ODS_ORGANIZATION_CODE, ODS_SITE_CODE

TAG = {"tag": [{"system": ODS_ORGANIZATION_CODE, "code": "RX1"}]}


def order(name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": name, "meta": TAG, "status": "active", **more}


def study(name: str, orders: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    based_on = [{"reference": f"ServiceRequest/{o}"} for o in orders]
    return {"resourceType": "ImagingStudy", "id": name, "meta": TAG, "status": "available", "basedOn": based_on, **more}


def report(name: str, orders: tuple[str, ...] = (), studies: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": name,
        "meta": TAG,
        "status": "final",
        "basedOn": [{"reference": f"ServiceRequest/{o}"} for o in orders],
        "imagingStudy": [{"reference": f"ImagingStudy/{s}"} for s in studies],
        **more,
    }


def exams(
    orders: list[dict[str, Any]] | None = None,
    studies: list[dict[str, Any]] | None = None,
    reports: list[dict[str, Any]] | None = None,
    **encounters: dict[str, Any],
) -> list[Exam]:
    return make_exams(PatientImaging(orders or [], studies or [], reports or [], encounters))


def test_order_study_and_report_of_one_exam_are_one_line() -> None:
    found = exams(
        [order("o", code={"text": "CT Head"})],
        [study("s", ("o",), started="2026-10-12T17:00:00Z", modality=[{"code": "CT"}])],
        [report("r", ("o",))],
    )
    assert [(e.title, e.modalities, e.state.words, e.study_id) for e in found] == [
        ("CT Head", ("CT",), "Final report", "s")
    ]
    assert [r.report_id for r in found[0].reports] == ["r"]


def test_one_report_of_two_exams_stands_at_both() -> None:
    found = exams([order("a"), order("b")], [study("s", ("a",)), study("t", ("b",))], [report("r", ("a", "b"))])
    assert [len(e.reports) for e in found] == [1, 1]


def test_a_report_without_order_or_study_and_a_study_without_either_are_lines() -> None:
    found = exams([], [study("s")], [report("r", code={"text": "XR Chest"})])
    assert {e.key for e in found} == {"exam-s", "exam-r"}


def test_a_report_that_names_only_the_study_joins_it() -> None:
    assert [len(e.reports) for e in exams([], [study("s")], [report("r", studies=("s",))])] == [1]


def test_the_newest_exam_comes_first_and_one_without_a_date_last() -> None:
    found = exams([], [study("old", started="2024-01-01"), study("none"), study("new", started="2026-01-01")])
    assert [e.key for e in found] == ["exam-new", "exam-old", "exam-none"]
    assert found[-1].year == "Date not known"


def test_images_without_a_report_count_their_days() -> None:
    day = (today() - timedelta(days=3)).isoformat()
    assert exams([], [study("s", started=day)])[0].state.words == "Unreported for 3 days"
    assert (
        exams([], [study("s", started=today().isoformat())])[0].state.words == "Images arrived today, not reported yet"
    )


def test_an_order_alone_is_planned_until_it_is_done_or_cancelled() -> None:
    ordered, revoked, done = (
        exams([order("o", status=status, occurrenceDateTime="2026-12-01")])[0]
        for status in ("active", "revoked", "completed")
    )
    assert ordered.planned and ordered.state.words == "Ordered"
    assert revoked.state.words == "Order cancelled"
    assert done.state.words == "Done, no images or report here yet"


def test_the_most_settled_report_speaks_for_the_exam_and_a_withdrawn_one_only_for_itself() -> None:
    both = [report("p", studies=("s",), status="preliminary"), report("f", studies=("s",), status="corrected")]
    assert exams([], [study("s")], both)[0].state.words == "Corrected report"
    withdrawn = exams([], [study("s")], [report("w", studies=("s",), status="entered-in-error")])[0]
    assert withdrawn.state.words == "Report withdrawn"
    assert not withdrawn.reports[0].readable


def test_the_site_is_the_encounters_place() -> None:
    place = {"location": {"identifier": {"system": ODS_SITE_CODE, "value": "RX1RA"}, "display": "Imaging"}}
    visit = {"resourceType": "Encounter", "id": "v", "location": [place]}
    assert exams([], [study("s", encounter={"reference": "Encounter/v"})], v=visit)[0].site == "RX1RA"


def test_the_study_uid_is_bare_and_what_is_no_image_is_no_modality() -> None:
    identifier = [{"system": DICOM_UID, "value": "urn:oid:1.2.3"}]
    found = exams([], [study("s", identifier=identifier, modality=[{"code": "DX"}, {"code": "CR"}, {"code": "SR"}])])[0]
    assert found.study_uid == "1.2.3"
    assert found.modalities == ("X-ray",)


def test_the_drawing_places_exams_by_date_and_says_the_same_in_words() -> None:
    found = exams(
        [],
        [
            study("a", started="2024-06-01", modality=[{"code": "CT"}]),
            study("b", started="2026-06-01", modality=[{"code": "CT"}]),
            study("c", started="2026-07-01", modality=[{"code": "MR"}]),
        ],
    )
    drawing = make_drawing(found)
    assert drawing is not None
    assert drawing.words == ("CT: 1 in 2026, 1 in 2024", "MRI: 1 in 2026")
    assert len(drawing.dots) == 3
    assert all(drawing.left <= dot.x <= drawing.right and not dot.reported for dot in drawing.dots)
    assert make_drawing(found[:1]) is None
