"""ORU^R01: one report, whatever shape it comes in."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hl7.emit import Clinician, Exam, Person, Report, Sender, make_oru
from hl7.fragments import MappedMessage, ReportLine, Unmappable
from hl7.messages import map_payload
from hl7.profile import Profile
from hl7.segments.obx_report import merged_lines, report_text
from hl7.tables.results import REPORT_RANKS, REPORT_STATUS_OF_LINES, REPORT_STATUS_OF_ORDER, RESULT_STATUSES
from terminology.systems import GMC_NUMBER
from tests.unit.hl7.samples import codes, mapped, of_type, only

_ISSUER = "https://record.example/issuer/RX1/ris"
_PROFILE = Profile(_ISSUER, "RX1")
_SENDER = Sender("CRIS", "RX1")
_PERSON = Person("M1", "Testpatient", "Ann")
_EXAM = Exam("ACC1", "CCHES", "CT Chest", placer="P1", filler="F1", modality="CT")
_OBR = "OBR|1||F1|CCHES^CT Chest" + "|" * 14 + "ACC1||||20260301083000|||"


def _oru(*lines: str, profile: Profile = _PROFILE) -> MappedMessage:
    head = "MSH|^~\\&|CRIS|RX1|REC|REGION|20260301090000||ORU^R01|1|P|2.4"
    return map_payload("\r".join([head, "PID|1||M1^^^RX1^MR||A", *lines]).encode(), profile)


def _report(message: MappedMessage) -> dict[str, Any]:
    return only(message, "DiagnosticReport").content


def _text(content: dict[str, Any]) -> str:
    return base64.b64decode(content["presentedForm"][0]["data"]).decode()


def _sent(report: Report, *exams: Exam, profile: Profile = _PROFILE) -> MappedMessage:
    return map_payload(make_oru(_SENDER, _PERSON, exams or [_EXAM], report), profile)


def test_lines_repeats_and_empty_lines_keep_their_layout():
    content = _report(mapped("oru_r01_lines"))
    assert _text(content) == "CT CHEST\nContrast: yes\n\n  Lungs & pleura   clear.\nNo nodule > 3 mm."
    assert content["presentedForm"][0]["contentType"] == "text/plain; charset=utf-8"


def test_result_says_when_it_was_done_issued_and_by_whom():
    content = _report(mapped("oru_r01_lines"))
    assert content["effectivePeriod"] == {
        "start": "2026-03-12T14:10:00+00:00",
        "end": "2026-03-12T14:20:00+00:00",
    }
    assert content["effectiveDateTime"] is None
    assert content["issued"] == "2026-03-13T09:50:00+00:00"
    assert [person["display"] for person in content["resultsInterpreter"]] == ["Dr J Sample", "Dr K Sample"]
    assert content["performer"][1]["display"] == "Radiographer One"


def test_reporter_is_known_by_the_gmc_number():
    message = _sent(Report(("a",), reporter=Clinician("C9912345", "Sample", "Joe")))
    assert only(message, "Practitioner").key.system == GMC_NUMBER
    assert _report(message)["resultsInterpreter"][0]["reference"].endswith("|9912345")


def test_three_exams_with_one_text_are_one_report_of_three_orders():
    content = _report(mapped("oru_r01_three_exams_one_report"))
    assert len(content["basedOn"]) == 3
    assert _text(content) == "CT of the chest, abdomen and pelvis.\nAll normal."


def test_three_messages_with_the_same_text_add_to_one_report():
    exams = [Exam("ACC1", code, code, filler="F1") for code in ("CCHES", "CABDO", "CPELV")]
    reports = [only(_sent(Report(("All normal.",)), exam), "DiagnosticReport") for exam in exams]
    assert len({report.key for report in reports}) == 1
    assert len({report.content["basedOn"][0]["reference"] for report in reports}) == 3
    assert all("basedOn" in report.accumulates for report in reports)


def test_different_texts_of_one_filler_number_are_separate_reports():
    reports = of_type(mapped("oru_r01_two_reports"), "DiagnosticReport")
    assert {_text(report.content) for report in reports} == {"Clear.", "No fracture."}


def test_profile_may_ask_for_one_report_for_each_code():
    message = _sent(Report(("a",)), profile=Profile(_ISSUER, "RX1", report_per_code=True))
    assert only(message, "DiagnosticReport").key.value == "F1^CCHES"


def test_addendum_and_correction_keep_the_key_and_rank_higher():
    first, later = mapped("oru_r01_lines"), mapped("oru_r01_addendum")
    assert only(first, "DiagnosticReport").key == only(later, "DiagnosticReport").key
    assert only(first, "DiagnosticReport").status_rank < only(later, "DiagnosticReport").status_rank
    assert mapped("oru_r01_preliminary").fragments[-2].status_rank < only(first, "DiagnosticReport").status_rank


def test_sections_are_headed_and_the_impression_is_the_conclusion():
    content = _report(mapped("oru_r01_addendum"))
    assert content["conclusion"] == "No nodule."
    assert _text(content) == (
        "Lungs and pleura clear.\n\nImpression:\nNo nodule.\n\nAddendum:\n"
        "On review: a 4 mm nodule in the left upper lobe."
    )


def test_critical_finding_is_coded():
    content = _report(mapped("oru_r01_addendum"))
    assert content["conclusionCode"][0]["coding"][0]["code"] == "AA"


def test_text_without_impression_clears_an_older_conclusion():
    assert _report(_sent(Report(("a",))))["conclusion"] is None


def test_status_without_text_says_nothing_about_the_text():
    content = _report(_oru(_OBR + "F"))
    assert "presentedForm" not in content
    assert "conclusion" not in content


@pytest.mark.parametrize(
    ("code", "status", "task"),
    [
        ("O", "registered", None),
        ("A", "partial", "in-progress"),
        ("R", "partial", "in-progress"),
        ("P", "preliminary", "in-progress"),
        ("M", "preliminary", "in-progress"),
        ("F", "final", "completed"),
        ("C", "corrected", "completed"),
        ("X", "cancelled", None),
    ],
)
def test_result_status_is_the_reports_and_moves_the_work_item(code, status, task):
    message = _oru(_OBR + code, "OBX|1|TX|a||text||||||" + code)
    assert _report(message)["status"] == status
    assert only(message, "Task").content.get("status") == task


@pytest.mark.parametrize("code", ["Y", "Z"])
def test_enquiry_only_status_is_unmappable(code):
    with pytest.raises(Unmappable) as caught:
        _oru(_OBR + code)
    assert caught.value.code == "enquiry-only-status"


def test_missing_status_is_that_of_the_least_settled_line():
    assert _report(mapped("oru_r01_without_status"))["status"] == "preliminary"
    assert _report(_oru(_OBR, "OBX|1|TX|a||text"))["status"] == "unknown"


def test_local_status_word_is_read_by_the_profile():
    profile = Profile(_ISSUER, "RX1", report_status_words={"Verified": "F"})
    message = _oru(_OBR + "Verified", "OBX|1|TX|a||text", profile=profile)
    assert _report(message)["status"] == "final"
    assert codes(message) == set()


def test_final_report_completes_order_and_work_item_and_names_the_report():
    message = _sent(Report(("a",)))
    assert only(message, "ServiceRequest").content["status"] == "completed"
    output = only(message, "Task").content["output"][0]
    assert output["valueReference"] == only(message, "DiagnosticReport").key.reference()


def test_least_settled_exam_decides_for_a_shared_report():
    second = _OBR.replace("CCHES", "CABDO")
    message = _oru(_OBR + "F", "OBX|1|TX|a||same||||||F", second + "P", "OBX|1|TX|a||same||||||P")
    assert _report(message)["status"] == "preliminary"
    assert _text(_report(message)) == "same"


def test_pdf_is_checked_and_kept():
    forms = _report(mapped("oru_r01_pdf"))["presentedForm"]
    (document,) = [form for form in forms if form["contentType"] == "application/pdf"]
    assert base64.b64decode(document["data"]).startswith(b"%PDF-1.4")
    assert document["title"] == "Report document"


def test_pdf_sent_by_us_comes_back_whole():
    content = _report(_sent(Report(("a",), pdf=b"%PDF-1.7\n\x00\xff")))
    assert base64.b64decode(content["presentedForm"][1]["data"]) == b"%PDF-1.7\n\x00\xff"


def test_references_and_uids_are_never_report_lines():
    message = _oru(
        _OBR + "F",
        "OBX|1|TX|a||text||||||F",
        "OBX|2|RP|b||https://pacs.example/1||||||F",
        "OBX|3|ST|110180^Study Instance UID^DCM||1.2.3||||||F",
        "OBX|4|ST|x^Series Instance UID||1.2.3.4||||||F",
    )
    assert _text(_report(message)) == "text"
    assert only(message, "ImagingStudy").key.value == "urn:oid:1.2.3"


def test_measurement_is_an_observation_of_the_report():
    message = mapped("oru_r01_pdf")
    observation = only(message, "Observation")
    assert observation.content["valueQuantity"] == {
        "value": 123.4,
        "unit": "mGy.cm",
        "system": "http://unitsofmeasure.org",
        "code": "mGy.cm",
    }
    assert _report(message)["result"] == [observation.key.reference()]


def test_wrapped_text_is_whole():
    assert _text(_report(mapped("oru_r01_wrapped_text"))) == "The first line\nwas wrapped by the sender,\ntwice."


def test_lines_are_ordered_by_their_set_ids():
    message = _oru(_OBR + "F", "OBX|2|TX|a||second", "OBX|10|TX|a||third", "OBX|1|TX|a||first")
    assert _text(_report(message)) == "first\nsecond\nthird"


def test_lines_with_useless_set_ids_keep_their_order():
    message = _oru(_OBR + "F", "OBX|1|TX|a||first", "OBX|1|TX|a||second", "OBX||TX|a||third")
    assert _text(_report(message)) == "first\nsecond\nthird"


def test_deleted_line_is_no_text():
    message = _oru(_OBR + "C", "OBX|1|TX|a||stays||||||F", "OBX|2|TX|a||goes||||||D")
    assert _text(_report(message)) == "stays"
    assert codes(message) == {"OBX-11 line-withdrawn"}


def test_note_after_the_lines_is_a_comment():
    message = _oru(_OBR + "F", "OBX|1|TX|a||text||||||F", "NTE|1||Seen by telephone")
    assert _text(_report(message)) == "text\n\nSeen by telephone"


def test_result_without_order_creates_the_order():
    message = _oru(_OBR + "F", "OBX|1|TX|a||text||||||F")
    order = only(message, "ServiceRequest")
    assert order.key.value == "F1^CCHES"
    assert order.content["code"]["coding"][0]["code"] == "CCHES"


def test_report_date_may_stand_in_obr_7():
    obr = "OBR|1||F1|CCHES|||20260228120000||||||||||||||||||F"
    message = _oru(obr, profile=Profile(_ISSUER, "RX1", report_date_in_obr_7=True))
    assert _report(message)["issued"] == "2026-02-28T12:00:00+00:00"
    assert "effectiveDateTime" not in _report(message)


def test_feed_of_changed_lines_carries_them_for_merging():
    profile = Profile(_ISSUER, "RX1", report_merge="line-merge")
    first = only(_sent(Report(("one", "two")), profile=profile), "DiagnosticReport")
    later = _oru(_OBR + "C", "OBX|2|TX|CCHES^CT Chest^NICIP|1|TWO||||||C", profile=profile)
    lines = only(later, "DiagnosticReport").report_lines
    assert [line.text for line in first.report_lines] == ["one", "two"]
    assert lines[0].place == first.report_lines[1].place
    assert report_text(merged_lines(first.report_lines, lines)) == "one\nTWO"


def test_merging_lines_takes_each_from_the_later_and_keeps_the_place():
    old = [ReportLine("a|1", "", "x"), ReportLine("a|2", "", "y")]
    new = [ReportLine("a|2", "", "Y"), ReportLine("a|3", "ADT", "z")]
    assert report_text(merged_lines(old, new)) == "x\nY\n\nAddendum:\nz"
    assert report_text(merged_lines(old, [ReportLine("a|1", "", "", withdrawn=True)])) == "y"


def test_every_status_has_a_rank():
    statuses = {*RESULT_STATUSES.values(), *REPORT_STATUS_OF_LINES.values(), *REPORT_STATUS_OF_ORDER.values()}
    assert statuses <= set(REPORT_RANKS)


def _mdm(trigger: str, completion: str = "AU", **options: Any) -> MappedMessage:
    head = f"MSH|^~\\&|RIS|RX1|REC|REGION|20260301090000||MDM^{trigger}|1|P|2.4"
    txa = f"TXA|1|RAD^Radiology report|TX|||20260301083000||20260301084500|C9912345^Sample|||D1|||F1||{completion}"
    lines = [head, "PID|1||M1^^^RX1^MR||A", txa, "OBX|1|TX|RAD||The text.||||||F"]
    return map_payload("\r".join(lines).encode(), Profile(_ISSUER, "RX1", mdm_reports=True, **options))


@pytest.mark.parametrize(
    ("trigger", "completion", "status"),
    [("T02", "AU", "final"), ("T02", "DO", "partial"), ("T08", "LA", "corrected"), ("T11", "AU", "cancelled")],
)
def test_document_is_a_report_where_the_profile_says_so(trigger, completion, status):
    message = _mdm(trigger, completion)
    report = only(message, "DiagnosticReport")
    assert (report.key.value, report.content["status"]) == ("F1", status)
    assert report.content["issued"] == "2026-03-01T08:45:00+00:00"
    assert _text(report.content) == "The text."
    assert report.content["resultsInterpreter"][0]["reference"].endswith("|9912345")


def test_document_addendum_is_left_to_people():
    with pytest.raises(Unmappable) as caught:
        _mdm("T06")
    assert caught.value.code == "unsupported-message-type"
