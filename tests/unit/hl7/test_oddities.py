"""Oddities of real feeds, each shown by a message of our own: nothing that was sent is lost or given to another."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hl7.fragments import MappedMessage, Unmappable
from hl7.messages import map_payload
from hl7.profile import Profile
from tests.unit.hl7.samples import codes, of_type, only

_PROFILE = Profile("https://record.example/issuer/RX1/ris", "RX1")
_ANN, _BEN = "PID|1||M1^^^RX1^MR||Testpatient^Ann", "PID|2||M2^^^RX1^MR||Testpatient^Ben"


def _map(event: str, *lines: str) -> MappedMessage:
    head = f"MSH|^~\\&|CRIS|RX1|REC|REGION|20260301090000||{event}|1|P|2.5.1"
    return map_payload("\r".join([head, *lines]).encode(), _PROFILE)


def _obr(filler: str = "F1", **fields: str) -> str:
    return f"OBR|1||{filler}|CCHES^CT Chest" + "|" * 14 + f"{filler}||||20260301083000||CT|F"


def _text(report: dict[str, Any]) -> str:
    return base64.b64decode(report["presentedForm"][0]["data"]).decode()


def _values(message: MappedMessage) -> list[Any]:
    return [
        next((value for name, value in fragment.content.items() if name.startswith("value")), None)
        for fragment in of_type(message, "Observation")
    ]


def test_second_patients_report_is_not_the_firsts() -> None:
    message = _map(
        "ORU^R01", _ANN, _obr("F1"), "OBX|1|TX|a||Ann's text||||||F", _BEN, _obr("F2"), "OBX|1|TX|a||Ben's text||||||F"
    )
    found = {
        f.content["subject"]["reference"][-2:]: _text(f.content) for f in of_type(message, "DiagnosticReport")
    }  # fmt: skip
    assert found == {"M1": "Ann's text", "M2": "Ben's text"}
    assert {f.content["subject"]["reference"][-2:] for f in of_type(message, "ImagingStudy")} == {"M1", "M2"}
    assert message.patient is not None and message.patient.value == "M1"


def test_one_report_number_for_two_patients_is_left_to_people() -> None:
    with pytest.raises(Unmappable, match="several people") as raised:
        _map("ORU^R01", _ANN, _obr(), "OBX|1|TX|a||One", _BEN, _obr(), "OBX|1|TX|a||Two")
    assert raised.value.code == "several-patients"


@pytest.mark.parametrize("event", ["ADT^A08", "ORU^R01", "ORM^O01"])
def test_two_people_before_one_order_are_left_to_people(event: str) -> None:
    with pytest.raises(Unmappable) as raised:
        _map(event, _ANN, _BEN, _obr(), "OBX|1|TX|a||Whose?")
    assert raised.value.code == "several-patients"


def test_the_same_person_twice_is_one_person() -> None:
    assert only(_map("ADT^A08", _ANN, _ANN), "Patient").key.value == "M1"


def test_prior_results_of_an_order_are_no_orders() -> None:
    message = _map(
        "OMG^O19", _ANN, "ORC|NW||F1", "OBR|1||F1|CCHES", _BEN, "ORC|RE||F9", "OBR|1||F9|OLD", "OBX|1|NM|a||7"
    )
    assert only(message, "ServiceRequest").content["subject"]["reference"].endswith("M1")
    assert codes(message) == {"PID prior-results"}


def test_results_with_nothing_but_words_for_codes_are_all_kept() -> None:
    message = _map(
        "OMG^O19", _ANN, "ORC|NW||F1", "OBR|1||F1|CCHES",
        "OBX|1|ST|^Body Weight||65|kg|||||F", "OBX|2|ST|^Body Height||1.65|m|||||F",
    )  # fmt: skip
    assert _values(message) == [{"value": 65, "unit": "kg"}, {"value": 1.65, "unit": "m"}]
    assert len(only(message, "ServiceRequest").content["supportingInfo"]) == 2


def test_codes_that_repeat_their_place_are_all_kept() -> None:
    message = _map(
        "ORU^R01", _ANN, _obr(), "OBX|1|CE|DX^Diagnosis||A1^Cyst||||||F", "OBX|2|CE|DX^Diagnosis||A2^Stone||||||F"
    )
    assert [value["text"] for value in _values(message)] == ["Cyst", "Stone"]
    assert len(only(message, "DiagnosticReport").content["result"]) == 2


def test_several_values_in_one_field_are_all_kept() -> None:
    message = _map("ORU^R01", _ANN, _obr(), "OBX|1|CE|DX^Diagnosis||A1^Cyst~A2^Stone||||||F")
    (value,) = _values(message)
    assert value["text"] == "Cyst, Stone" and [c["code"] for c in value["coding"]] == ["A1", "A2"]
    assert _text(only(message, "DiagnosticReport").content) == "Diagnosis: Cyst, Stone"


def test_coded_impression_is_read_with_the_text_and_is_the_conclusion() -> None:
    message = _map(
        "ORU^R01", _ANN, _obr(), "OBX|1|FT|CCHES&GDT||A round density.||||||F",
        "OBX|2|CWE|CCHES&IMP^Impression||^Mass in the left lower lobe|||A|||F", "OBX|3|NM|DLP^Dose||345|mGy.cm|||||F",
    )  # fmt: skip
    report = only(message, "DiagnosticReport").content
    assert _text(report) == "A round density.\n\nImpression:\nMass in the left lower lobe\nDose: 345 mGy.cm"
    assert report["conclusion"] == "Mass in the left lower lobe"
    assert of_type(message, "Observation")[0].content["interpretation"][0]["coding"][0]["code"] == "A"


def test_measurements_under_another_exam_do_not_make_a_second_report() -> None:
    message = _map(
        "ORU^R01", _ANN, _obr(), "OBX|1|TX|a||One text||||||F", _obr().replace("CCHES", "CABDO"),
        "OBX|1|NM|DLP^Dose||345|mGy.cm|||||F",
    )  # fmt: skip
    assert _text(only(message, "DiagnosticReport").content) == "One text\nDose: 345 mGy.cm"


@pytest.mark.parametrize(
    ("sent", "value", "told"),
    [
        ("^182", {"value": 182, "unit": "mg/dl"}, "182 mg/dl"),
        (">^100", {"value": 100, "unit": "mg/dl", "comparator": ">"}, ">100 mg/dl"),
        ("^10^-^20", "10-20 mg/dl", "10-20 mg/dl"),
    ],
)
def test_structured_numbers_are_read(sent: str, value: Any, told: str) -> None:
    message = _map("ORU^R01", _ANN, _obr(), f"OBX|1|SN|GLU^Glucose||{sent}|mg/dl|70-105|H|||F")
    assert _values(message) == [value]
    content = only(message, "Observation").content
    assert content["referenceRange"] == [{"text": "70-105"}]
    assert _text(only(message, "DiagnosticReport").content) == f"Glucose: {told}"


def test_report_that_stands_in_notes_is_the_reports_text() -> None:
    message = _map("ORU^R01", _ANN, _obr(), "NTE|1||No fracture.", "NTE|2||Old change.")
    assert _text(only(message, "DiagnosticReport").content) == "No fracture.\nOld change."


def test_notes_about_the_person_and_behind_observations_are_the_orders() -> None:
    message = _map(
        "OMG^O19", _ANN, "NTE|1||Is deaf", "ORC|NW||F1", "OBR|1||F1|CCHES" + "|" * 9 + "Cough", "NTE|1||Urgent please",
        "OBX|1|NM|W^Weight||65|kg|||||F", "NTE|1||Weighed today",
    )  # fmt: skip
    notes = [note["text"] for note in only(message, "ServiceRequest").content["note"]]
    assert notes == ["Cough", "Urgent please", "Weighed today", "Is deaf"]


def test_what_adt_cannot_file_is_warned_about() -> None:
    message = _map("ADT^A08", "EVN|A08|20260301", _ANN, "NTE|1||Prefers mornings", "OBX|1|NM|W^Weight||65|kg")
    assert codes(message) == {"NTE segment-not-filed", "OBX segment-not-filed"}


def test_structured_report_of_dicom_is_an_identifier_of_the_report() -> None:
    message = _map("ORU^R01", _ANN, _obr(), "OBX|1|ST|^SR Instance UID||1.2.3.4||||||F", "OBX|2|TX|a||Text||||||F")
    identifiers = only(message, "DiagnosticReport").content["identifier"]
    assert {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"} in identifiers


@pytest.mark.parametrize(("sent", "concept"), [("A", "coding"), ("WH", "text"), ("2106-3^White^HL70005", "text")])
def test_ethnic_category_is_coded_only_where_the_nhs_knows_the_code(sent: str, concept: str) -> None:
    extensions = only(_map("ADT^A08", _ANN + "|" * 17 + sent), "Patient").content["extension"]
    assert list(extensions[0]["valueCodeableConcept"]) == [concept]


def test_telephone_and_mail_of_one_repetition_are_both_kept() -> None:
    telecom = only(
        _map("ADT^A08", _ANN + "|" * 8 + "07700900001^PRN^^ann@example.org~5555^PRN^PH^77"), "Patient"
    ).content["telecom"]
    assert [(point["system"], point["value"]) for point in telecom] == [
        ("phone", "07700900001"), ("email", "ann@example.org"), ("phone", "5555"),
    ]  # fmt: skip


def test_welsh_nhs_number_is_one_and_names_nobody_by_itself() -> None:
    message = _map("ADT^A08", "PID|1||9990000018^01^^^NI~N5022773^^^^PI||Testpatient^Ann||19760121+")
    patient = only(message, "Patient")
    assert patient.key.value == "N5022773" and patient.content["birthDate"] == "1976-01-21"
    number = next(i for i in patient.content["identifier"] if i["value"] == "9990000018")
    assert number["system"] == "https://fhir.nhs.uk/Id/nhs-number"


def test_national_number_without_a_tracing_status_is_a_local_one() -> None:
    assert only(_map("ADT^A08", "PID|1||9990000018^^^^NI||A"), "Patient").key.system.endswith("/mrn")


def test_practice_beside_the_gp_is_an_organisation() -> None:
    message = _map("ADT^A08", _ANN, "PD1||||G9123456~W95999")
    references = [r["reference"] for r in only(message, "Patient").content["generalPractitioner"]]
    assert references[0].startswith("urn:key:Organization:") and references[0].endswith("|W95999")
    assert references[1].startswith("urn:key:Practitioner:") and references[1].endswith("|G9123456")


def test_name_in_the_place_of_a_code_identifies_nobody() -> None:
    message = _map("ORU^R01", _ANN, _obr() + "|" * 7 + "Rob Sample&Rob Sample", "OBX|1|TX|a||Text||||||F")
    assert not of_type(message, "Practitioner")
    assert only(message, "DiagnosticReport").content["resultsInterpreter"][0]["display"] == "Rob Sample"


def test_modality_that_dicom_does_not_know_is_warned_about() -> None:
    message = _map("OMI^O23", _ANN, "ORC|NW||F1", "OBR|1||F1|CCHES", "IPC|A1|R1|1.2.3|S1|XR^Digital Radiography")
    assert "modality" not in only(message, "ImagingStudy").content
    assert codes(message) == {"IPC-5 unknown-code"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("^Application^PDF^Base64^JVBERi0xLjQKYWI", b"%PDF-1.4\nab"),  # without the filling at its end
        ("^TEXT^PLAIN^^Plain words, not coded", b"Plain words, not coded"),
        ("^TEXT^PLAIN^A^Plain words", b"Plain words"),
    ],
)
def test_documents_in_odd_encodings_are_kept_whole(sent: str, kept: bytes) -> None:
    message = _map("ORU^R01", _ANN, _obr(), f"OBX|1|ED|PDF^Report||{sent}||||||F")
    (document,) = only(message, "DiagnosticReport").content["presentedForm"]
    assert base64.b64decode(document["data"]) == kept
    assert not codes(message)


@pytest.mark.parametrize(
    ("event", "status"), [("A06", None), ("A12", None), ("A14", "planned"), ("A22", None), ("A38", "cancelled")]
)
def test_other_events_of_a_visit_bring_the_person_and_change_the_visit_as_they_say(event: str, status: Any) -> None:
    visit = "PV1|1|I" + "|" * 17 + "V1"
    message = _map(f"ADT^{event}", f"EVN|{event}|20260301", _ANN, visit)
    assert only(message, "Patient").authoritative
    assert only(message, "Encounter").content.get("status") == status


def test_account_that_a_change_of_class_replaces_is_warned_about() -> None:
    message = _map("ADT^A06", _ANN, "MRG|M1^^^RX1^MR||OLDACCOUNT")
    assert codes(message) == {"MRG segment-not-filed"} and not message.identity_events
