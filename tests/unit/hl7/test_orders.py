"""ORM, OMG and OMI: order lines, work items, announced studies."""

from __future__ import annotations

from datetime import datetime

import pytest

from hl7.emit import Clinician, Exam, Occasion, Person, Sender, make_omg, make_omi, make_orm
from hl7.fragments import Fragment, MappedMessage
from hl7.messages import map_payload
from hl7.profile import Profile
from hl7.tables.orders import ORDER_CONTROLS, ORDER_STATUSES, REQUEST_RANKS, TASK_RANKS
from terminology.systems import GMC_NUMBER
from tests.unit.hl7.samples import codes, mapped, of_type, only

_ISSUER = "https://record.example/issuer/RX1/ris"
_PROFILE = Profile(_ISSUER, "RX1")
_SENDER = Sender("CRIS", "RX1")
_PERSON = Person("M1", "Testpatient", "Ann")
_EXAM = Exam("00123456", "CCHES", "CT Chest", placer="P1", modality="CT", study_uid="1.2.3")
_PID = "PID|1||M1^^^RX1^MR||A"


def _orm(control: str, status: str = "", profile: Profile = _PROFILE) -> MappedMessage:
    occasion = Occasion(order_control=control, order_status=status)
    return map_payload(make_orm(_SENDER, _PERSON, [_EXAM], occasion=occasion), profile)


def _raw(*lines: str, profile: Profile = _PROFILE, version: str = "2.4") -> MappedMessage:
    head = f"MSH|^~\\&|CRIS|RX1|REC|REGION|20260301090000||ORM^O01|1|P|{version}"
    return map_payload("\r".join([head, _PID, *lines]).encode(), profile)


def _states(message: MappedMessage) -> tuple[str | None, str | None]:
    return only(message, "ServiceRequest").content.get("status"), only(message, "Task").content.get("status")


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("NW", "", ("active", "requested")),
        ("OK", "", ("active", "accepted")),
        ("UA", "", ("revoked", "rejected")),
        ("XO", "", (None, None)),
        ("CA", "", ("revoked", "cancelled")),
        ("OC", "", ("revoked", "cancelled")),
        ("DC", "", ("revoked", "cancelled")),
        ("HD", "", ("on-hold", "on-hold")),
        ("RL", "", ("active", "accepted")),
        ("SC", "SC", ("active", "accepted")),
        ("SC", "IP", ("active", "in-progress")),
        ("SC", "A", ("active", "in-progress")),
        ("SC", "CA", ("revoked", "cancelled")),
        ("SC", "ER", ("entered-in-error", "failed")),
        ("SC", "HD", ("on-hold", "on-hold")),
        ("SC", "CM", ("completed", "in-progress")),
        ("RE", "", (None, None)),
        ("NW", "IP", ("active", "in-progress")),
        ("CA", "IP", ("revoked", "cancelled")),
    ],
)
def test_order_control_and_status_say_how_it_stands(control, status, expected):
    assert _states(_orm(control, status)) == expected


def test_placer_asks_to_cancel_and_the_order_stays_until_answered():
    message = _orm("CA", profile=Profile(_ISSUER, "RX1", sender_is_filler=False))
    assert _states(message) == ("active", None)
    assert only(message, "Task").content["businessStatus"] == {"text": "cancellation-requested"}


def test_performed_exam_keeps_its_work_item_open_until_it_is_read():
    task = only(_orm("SC", "CM"), "Task")
    assert task.content["status"] == "in-progress"
    assert task.content["businessStatus"] == {"text": "performed"}


def test_profile_may_say_that_completed_means_reported():
    message = _orm("SC", "CM", Profile(_ISSUER, "RX1", completed_order_means_reported=True))
    assert _states(message) == ("completed", "completed")


def test_local_word_is_read_by_the_profile():
    assert _states(_orm("SC", "ATTENDED", Profile(_ISSUER, "RX1", order_status_words={"ATTENDED": "IP"}))) == (
        "active",
        "in-progress",
    )


def test_unknown_word_leaves_the_order_and_warns():
    message = _orm("SC", "BANANA")
    assert _states(message) == (None, None)
    assert codes(message) == {"ORC-5 unknown-code"}


def test_order_line_is_keyed_by_filler_and_exam_code():
    order = only(_orm("NW"), "ServiceRequest")
    assert (order.key.system, order.key.value) == (f"{_ISSUER}/order-line", "00123456^CCHES")
    assert [(alias.system, alias.value) for alias in order.aliases] == [(f"{_ISSUER}/placer-line", "P1^CCHES")]


def test_order_without_filler_is_keyed_by_its_placer():
    message = _raw("ORC|NW|P7", "OBR|1|P7||CCHES^CT Chest")
    assert only(message, "ServiceRequest").key.system == f"{_ISSUER}/placer-line"
    assert of_type(message, "ImagingStudy") == []


def test_profile_names_the_line_discriminator():
    message = _raw(
        "ORC|NW||F7",
        "OBR|1||F7|CCHES" + "|" * 16 + "77",
        profile=Profile(_ISSUER, "RX1", line_discriminator=("OBR-20",)),
    )
    assert only(message, "ServiceRequest").key.value == "F7^77"


def test_numbers_of_an_order_are_identifiers_with_leading_zeros():
    identifiers = only(_orm("NW"), "ServiceRequest").content["identifier"]
    assert [(i["type"]["coding"][0]["code"], i["value"]) for i in identifiers] == [
        ("PLAC", "P1"),
        ("FILL", "00123456"),
        ("ACSN", "00123456"),
    ]


def test_booking_is_read_whole():
    content = only(mapped("orm_o01_booking"), "ServiceRequest").content
    assert content["priority"] == "urgent"
    assert content["occurrenceDateTime"] == "2026-03-12T14:00:00+00:00"
    assert content["authoredOn"] == "2026-03-10T10:10:00+00:00"
    assert content["code"]["coding"][0] == {
        "system": f"{_ISSUER}/exam-code",
        "code": "CCHES",
        "display": "CT Chest",
    }
    assert [note["text"] for note in content["note"]] == [
        "Cough for six weeks & weight loss\nSmoker",
        "Needs an interpreter\nand a wheelchair",
    ]
    assert content["reasonCode"] == [{"text": "Lung cancer?"}]
    assert content["requester"]["reference"] == f"urn:key:Practitioner:{GMC_NUMBER}|9912345"
    assert content["encounter"]["reference"].endswith("/visit|V100003")


def test_work_item_focuses_on_its_order():
    message = _orm("NW")
    task, order = only(message, "Task").content, only(message, "ServiceRequest")
    assert task["focus"] == order.key.reference()
    assert task["for"] == message.patient.reference()
    assert task["code"]["coding"][0]["code"] == "fulfill"


def test_study_is_known_by_its_uid_and_also_by_its_accession():
    study = only(_orm("NW"), "ImagingStudy")
    assert (study.key.system, study.key.value) == ("urn:dicom:uid", "urn:oid:1.2.3")
    assert [(alias.system, alias.value) for alias in study.aliases] == [(f"{_ISSUER}/accession", "00123456")]
    assert study.content["modality"] == [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}]
    assert study.content["status"] == "registered"


def test_uid_is_never_invented():
    message = map_payload(make_orm(_SENDER, _PERSON, [Exam("77", "CCHES", "CT")]), _PROFILE)
    study = only(message, "ImagingStudy")
    assert (study.key.system, study.key.value) == (f"{_ISSUER}/accession", "77")
    assert [i["value"] for i in study.content["identifier"]] == ["77"]


def test_one_study_uid_serves_every_line_of_its_accession():
    second = Exam("00123456", "CABDO", "CT Abdomen", modality="CT")
    message = map_payload(make_orm(_SENDER, _PERSON, [_EXAM, second]), _PROFILE)
    study = only(message, "ImagingStudy")
    assert study.key.value == "urn:oid:1.2.3"
    assert len(study.content["basedOn"]) == 2
    assert len(study.content["procedureCode"]) == 2


def test_several_uids_of_one_accession_are_studies_without_alias():
    message = _raw("ORC|NW||F1", "OBR|1||F1|CCHES" + "|" * 14 + "ACC1", "ZDS|1.2.3", "ZDS|1.2.4")
    studies = of_type(message, "ImagingStudy")
    assert {study.key.value for study in studies} == {"urn:oid:1.2.3", "urn:oid:1.2.4"}
    assert all(study.aliases == () for study in studies)
    assert codes(message) == {"ZDS-1 several-studies"}


def test_bad_uid_is_left_out_and_said():
    message = _raw("ORC|NW||F1", "OBR|1||F1|CCHES" + "|" * 14 + "ACC1", "ZDS|1.2.x^100^Application^DICOM")
    assert only(message, "ImagingStudy").key.value == "ACC1"
    assert codes(message) == {"ZDS-1 bad-uid"}


def test_uid_may_stand_in_a_z_field_of_the_profile():
    profile = Profile(_ISSUER, "RX1", study_uid_from=("ZX1-3.2",))
    message = _raw("ORC|NW||F1", "OBR|1||F1|CCHES", "ZX1|a|b|c^1.2.9", profile=profile)
    assert only(message, "ImagingStudy").key.value == "urn:oid:1.2.9"


def test_profile_names_where_the_accession_lives():
    profile = Profile(_ISSUER, "RX1", accession_from=("OBR-20", "OBR-18"))
    message = _raw("ORC|NW||F1", "OBR|1||F1|CCHES" + "|" * 14 + "A18||A20", profile=profile)
    assert only(message, "ImagingStudy").key.value == "A20"


def test_two_accessions_are_not_guessed_between():
    message = _raw("ORC|NW||F1", "OBR|1||F1|CCHES" + "|" * 14 + "A18", "IPC|A1|RP|1.2.3|SPS|CT", version="2.5.1")
    assert [alias.value for alias in only(message, "ImagingStudy").aliases] == ["A1"]
    assert codes(message) == {"OBR-18 accession-conflict"}


def test_cancelled_order_cancels_its_announced_study():
    study = only(_orm("OC"), "ImagingStudy")
    assert study.content["status"] == "cancelled"


@pytest.mark.parametrize(
    ("section", "modality"),
    [("CT", "CT"), ("MRI", "MR"), ("NMR", "MR"), ("RUS", "US"), ("DX", "DX"), ("RAD", None), ("PT", "PT"), ("R", None)],
)
def test_section_or_modality_of_obr_24_is_read(section, modality):
    message = map_payload(make_orm(_SENDER, _PERSON, [Exam("77", "X", "X", modality=section)]), _PROFILE)
    found = only(message, "ImagingStudy").content.get("modality")
    assert (found[0]["code"] if found else None) == modality


def test_physiotherapy_is_no_modality_when_the_profile_says_so():
    profile = Profile(_ISSUER, "RX1", modality_in_obr_24=False)
    message = map_payload(make_orm(_SENDER, _PERSON, [Exam("77", "X", "X", modality="PT")]), profile)
    assert "modality" not in only(message, "ImagingStudy").content


@pytest.mark.parametrize(
    ("code", "priority"),
    [("S", "stat"), ("A", "asap"), ("R", "routine"), ("P", "urgent"), ("TH2", "urgent"), ("2WW", "urgent")],
)
def test_priority_is_read(code, priority):
    exam = Exam("77", "X", "X", priority=code)
    for message in (
        make_orm(_SENDER, _PERSON, [exam]),
        make_omg(Sender("CRIS", "RX1", version="2.5.1"), _PERSON, [exam]),
    ):
        assert only(map_payload(message, _PROFILE), "ServiceRequest").content["priority"] == priority


def test_local_priority_is_read_by_the_profile():
    profile = Profile(_ISSUER, "RX1", priority_words={"SOON": "asap"})
    message = map_payload(make_orm(_SENDER, _PERSON, [Exam("77", "X", "X", priority="SOON")]), profile)
    assert only(message, "ServiceRequest").content["priority"] == "asap"


def test_imaging_order_reads_its_procedure_control_segment():
    sender = Sender("RADIS", "RX1", version="2.5.1")
    message = map_payload(make_omi(sender, _PERSON, [_EXAM]), _PROFILE)
    study = only(message, "ImagingStudy")
    assert study.key.value == "urn:oid:1.2.3"
    assert study.aliases[0].value == "00123456"


def test_event_time_of_an_order_is_its_transaction_time():
    occasion = Occasion(when=datetime(2026, 3, 1, 10, 0))
    raw = make_orm(_SENDER, _PERSON, [_EXAM], occasion=occasion)
    assert only(map_payload(raw, _PROFILE), "ServiceRequest").event_time.isoformat() == "2026-03-01T10:00:00+00:00"


def test_clinician_without_a_national_number_is_the_issuers_own():
    exam = Exam("77", "X", "X", requester=Clinician("SMITHJ", "Smith", authority=""))
    message = map_payload(make_orm(_SENDER, _PERSON, [exam]), _PROFILE)
    assert only(message, "Practitioner").key.system == f"{_ISSUER}/practitioner"


def test_every_state_has_a_rank():
    for state in [*ORDER_CONTROLS.values(), *ORDER_STATUSES.values()]:
        assert state.request is None or state.request in REQUEST_RANKS
        assert state.task is None or state.task in TASK_RANKS


def test_later_event_of_equal_rank_and_higher_rank_of_any_time_win():
    def place(fragment: Fragment) -> tuple[int, datetime]:
        return fragment.status_rank, fragment.event_time

    booked, performed = mapped("orm_o01_booking"), mapped("orm_o01_performed")
    cancelled = mapped("orm_o01_cancelled")
    for kind in ("ServiceRequest", "Task"):
        assert place(only(booked, kind)) < place(only(performed, kind))
    assert place(only(cancelled, "ServiceRequest")) < place(only(performed, "ServiceRequest"))


def test_observations_of_an_order_support_it():
    message = _raw(
        "ORC|NW||F1",
        "OBR|1||F1|CCHES",
        "OBX|1|ST|29463-7^Body weight^LN||72|kg|||||F",
        "OBX|2|NM|CREAT^Creatinine||88|umol/L|||||F",
        "OBX|3|TX|PREG^Pregnant?||No||||||F",
    )
    values = [(o.content.get("valueString"), o.content.get("valueQuantity")) for o in of_type(message, "Observation")]
    assert values == [(None, {"value": 72, "unit": "kg"}), (None, {"value": 88, "unit": "umol/L"}), ("No", None)]
    assert len(only(message, "ServiceRequest").content["supportingInfo"]) == 3
