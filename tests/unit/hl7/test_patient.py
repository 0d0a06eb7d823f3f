"""PID, PD1, PV1 and MRG: who it is, where they are, and what a merge says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hl7.emit import Clinician, Occasion, Person, Sender, Visit, make_adt, make_merge
from hl7.fragments import BusinessKey, IdentityEvent, MappedMessage, Unmappable
from hl7.messages import map_payload
from hl7.profile import Profile
from terminology.systems import GMC_NUMBER, GMP_NUMBER, NHS_NUMBER
from tests.unit.hl7.samples import codes, mapped, of_type, only

_PROFILE = Profile("https://record.example/issuer/RX1/ris", "RX1")
_SENDER = Sender("PAS", "RX1")
_PERSON = Person("M1", "Testpatient", "Ann", date(1970, 1, 2), "F", "9990000018")


def _adt(pid: str, event: str = "A08", *more: str, profile: Profile = _PROFILE) -> MappedMessage:
    head = f"MSH|^~\\&|PAS|RX1|REC|REGION|20260301090000||ADT^{event}|1|P|2.4"
    return map_payload("\r".join([head, f"EVN|{event}|20260301090000", pid, *more]).encode(), profile)


def _patient(pid: str, **options: Any) -> dict[str, Any]:
    return only(_adt(pid, **options), "Patient").content


def _nhs(content: dict[str, Any]) -> dict[str, Any]:
    (found,) = [i for i in content["identifier"] if i["system"] == NHS_NUMBER]
    return found


def _status(content: dict[str, Any]) -> str:
    return _nhs(content)["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]


def test_trusts_own_number_is_the_source_identity():
    message = _adt("PID|1||X9^^^OTHER^MR~M1^^^RX1^MR~9990000018^^^NHS^NH||A^B")
    assert message.patient == BusinessKey("Patient", "https://record.example/issuer/RX1/ris/mrn", "M1")


def test_number_of_an_unknown_type_is_an_identity_and_a_visit_number_is_none():
    assert _adt("PID|1||V1^^^PAT^VN~X1^^^PAT^CPD~9990000018^^^NHS^NH||A").patient.value == "X1"


def test_midnight_is_no_time_of_birth():
    content = _patient("PID|1||M1^^^RX1^MR||A||19500401000000|M")
    assert content["birthDate"] == "1950-04-01"
    assert "_birthDate" not in content


def test_nhs_number_alone_is_the_source_identity():
    message = _adt("PID|1||9990000018^^^NHS^NH||A^B")
    assert message.patient == BusinessKey("Patient", NHS_NUMBER, "9990000018")


def test_number_under_an_unknown_authority_gets_a_namespace_of_its_own():
    message = _adt("PID|1||X9^^^QMC & CO^MR||A^B".replace("&", "\\T\\"))
    assert message.patient.system == "https://record.example/issuer/RX1/ris/authority/QMC%20%26%20CO"


def test_authority_table_names_the_system_of_a_number():
    profile = Profile(_PROFILE.issuer, "RX1", authorities={"PAS2": "https://record.example/pas2"})
    assert _adt("PID|1||7^^^PAS2^MR||A", profile=profile).patient.system == "https://record.example/pas2"


def test_every_number_of_pid_3_is_kept():
    content = _patient("PID|1||M1^^^RX1^MR~9990000018^^^NHS^NH~P77^^^HMP^PRN||A")
    assert [i["value"] for i in content["identifier"]] == ["M1", "9990000018", "P77"]


def test_a_message_with_thousands_of_numbers_for_one_patient_is_quarantined_at_once():
    with pytest.raises(Unmappable) as caught:
        _adt(f"PID|1||{'~'.join(f'M{number}^^^RX1^MR' for number in range(20_000))}||A")
    assert caught.value.code == "too-many-patient-numbers"


def test_invalid_nhs_number_is_kept_as_old_and_never_matches():
    message = _adt("PID|1||M1^^^RX1^MR~9990000019^^^NHS^NH||A")
    content = only(message, "Patient").content
    invalid = content["identifier"][1]
    assert (invalid["value"], invalid["use"]) == ("9990000019", "old")
    assert invalid["system"] != NHS_NUMBER
    assert codes(message) == {"PID-3 invalid-nhs-number"}


def test_invalid_nhs_number_alone_names_nobody():
    with pytest.raises(Unmappable) as caught:
        _adt("PID|1||9999999999^^^NHS^NH||A")
    assert caught.value.code == "no-patient-identifier"


@pytest.mark.parametrize(
    ("pid_32", "traced", "status"),
    [("NSTS01", False, "01"), ("PDS 04", False, "04"), ("03", True, "03"), ("", False, "02"), ("", True, "01")],
)
def test_tracing_status_comes_from_pid_32_or_the_profile(pid_32, traced, status):
    pid = "PID|1||M1^^^RX1^MR~9990000018^^^NHS^NH||A" + "|" * 27 + pid_32
    profile = Profile(_PROFILE.issuer, "RX1", nhs_numbers_traced=traced)
    assert _status(_patient(pid, profile=profile)) == status


def test_welsh_tracing_status_stands_in_the_second_component():
    content = only(mapped("adt_a28_welsh_status"), "Patient").content
    assert _nhs(content)["value"] == "9990000042"
    assert _status(content) == "01"


def test_second_nhs_number_is_old():
    message = _adt("PID|1||9990000018^^^NHS^NH~9990000042^^^NHS^NH||A")
    uses = {i["value"]: i["use"] for i in only(message, "Patient").content["identifier"]}
    assert uses == {"9990000018": "official", "9990000042": "old"}


def test_absent_field_says_nothing_and_null_clears():
    content = only(mapped("adt_a08_cleared_fields"), "Patient").content
    assert content["address"] is None
    assert content["telecom"] is None
    assert content["birthDate"] is None
    assert content["deceasedDateTime"] is None
    assert "maritalStatus" not in content


def test_demographics_are_read():
    content = only(mapped("adt_a01_admission"), "Patient").content
    assert content["name"][0] == {
        "use": "official",
        "family": "Testpatient",
        "given": ["Wilma", "Ann"],
        "prefix": ["Mrs"],
    }
    assert content["name"][1]["use"] == "nickname"
    assert content["gender"] == "female"
    assert content["birthDate"] == "1961-04-12"
    assert content["address"][0]["postalCode"] == "NG7 2UH"
    assert content["address"][0]["line"] == ["12 Sample Lane", "Flat 2"]
    assert [point["system"] for point in content["telecom"]] == ["phone", "email"]
    assert content["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "A"
    assert content["maritalStatus"]["coding"][0]["code"] == "M"


def test_birth_date_that_cannot_be_is_kept_as_written():
    content = only(mapped("adt_a28_welsh_status"), "Patient").content
    assert content["birthDate"] is None
    assert content["_birthDate"]["extension"][0]["valueString"] == "20011301"


def test_birth_time_is_an_extension():
    content = _patient("PID|1||M1^^^RX1^MR||A||197007011530|F")
    assert content["birthDate"] == "1970-07-01"
    assert content["_birthDate"]["extension"][0]["valueDateTime"] == "1970-07-01T15:30:00+01:00"


def test_death_date_clears_the_flag():
    content = only(mapped("adt_a31_person_update"), "Patient").content
    assert content["deceasedDateTime"] == "2026-03-05"
    assert content["deceasedBoolean"] is None


@pytest.mark.parametrize(("code", "gender"), [("1", "male"), ("2", "female"), ("9", "other"), ("U", "unknown")])
def test_sex_codes_of_older_systems_are_read(code, gender):
    assert _patient(f"PID|1||M1^^^RX1^MR||A|||{code}")["gender"] == gender


def test_adt_may_change_demographics_and_an_order_may_not():
    assert only(mapped("adt_a01_admission"), "Patient").authoritative
    assert not only(mapped("orm_o01_booking"), "Patient").authoritative


def test_gp_and_practice_are_mentioned():
    message = mapped("adt_a01_admission")
    keys = {(f.key.system, f.key.value) for f in of_type(message, "Practitioner")}
    assert keys == {(GMP_NUMBER, "G9912345"), (GMC_NUMBER, "9912345")}
    references = [r["reference"] for r in only(message, "Patient").content["generalPractitioner"]]
    assert references == [
        "urn:key:Organization:https://fhir.nhs.uk/Id/ods-organization-code|Y99901",
        f"urn:key:Practitioner:{GMP_NUMBER}|G9912345",
    ]


@pytest.mark.parametrize("code", ["C9999998", "G9999998", "G9999981", "H9999998"])
def test_default_code_never_becomes_a_person(code):
    visit = Visit("V1", attending=Clinician(code, "Unknown", authority="GMC"))
    message = map_payload(make_adt("A01", _SENDER, _PERSON, visit), _PROFILE)
    assert of_type(message, "Practitioner") == []
    assert "participant" not in only(message, "Encounter").content


def test_default_practice_never_becomes_an_organisation():
    person = Person("M1", "A", "B", practice_code="V81999", gp_code="G9999998")
    message = map_payload(make_adt("A08", _SENDER, person), _PROFILE)
    assert {f.key.value for f in of_type(message, "Organization")} == {"RX1"}
    assert "generalPractitioner" not in only(message, "Patient").content


@pytest.mark.parametrize(
    ("event", "status", "rank"),
    [
        ("A01", "in-progress", 1),
        ("A02", "in-progress", 1),
        ("A03", "finished", 2),
        ("A04", "planned", 0),
        ("A05", "planned", 0),
        ("A08", None, 1),
        ("A11", "cancelled", 3),
        ("A13", "in-progress", 2),
    ],
)
def test_event_says_how_the_visit_stands(event, status, rank):
    message = map_payload(make_adt(event, _SENDER, _PERSON, Visit("V1", "I")), _PROFILE)
    visit = only(message, "Encounter")
    assert visit.content.get("status") == status
    assert visit.status_rank == rank
    assert visit.content["class"]["code"] == "IMP"


def test_discharge_date_ends_the_visit_whatever_the_event():
    visit = Visit("V1", "I", discharged_at=datetime(2026, 3, 2, 10, 0))
    message = map_payload(make_adt("A08", _SENDER, _PERSON, visit), _PROFILE)
    assert only(message, "Encounter").content["status"] == "finished"


def test_visit_without_a_number_makes_no_encounter():
    message = map_payload(make_adt("A01", _SENDER, _PERSON, Visit()), _PROFILE)
    assert of_type(message, "Encounter") == []


def test_event_time_is_when_it_happened_in_london():
    summer = Occasion(when=datetime(2026, 7, 1, 9, 30))
    message = map_payload(make_adt("A08", _SENDER, _PERSON, occasion=summer), _PROFILE)
    assert only(message, "Patient").event_time == datetime(2026, 7, 1, 8, 30, tzinfo=UTC)


def test_merge_names_survivor_and_loser():
    message = map_payload(make_merge(_SENDER, _PERSON, "M9"), _PROFILE)
    system = _PROFILE.system("mrn")
    event = IdentityEvent("merge", BusinessKey("Patient", system, "M1"), BusinessKey("Patient", system, "M9"))
    assert message.identity_events == (event,)
    loser = next(f for f in of_type(message, "Patient") if f.key.value == "M9")
    assert not loser.authoritative
    assert loser.content["identifier"][0]["value"] == "M9"


def test_merge_does_not_change_demographics():
    message = map_payload(make_merge(_SENDER, _PERSON, "M9"), _PROFILE)
    assert all(not fragment.authoritative for fragment in message.fragments)


def test_merge_with_itself_is_refused():
    with pytest.raises(Unmappable) as caught:
        map_payload(make_merge(_SENDER, _PERSON, "M1"), _PROFILE)
    assert caught.value.code == "merge-with-itself"


def test_merge_pairs_numbers_of_one_authority():
    pid = "PID|1||M1^^^RX1^MR~Q1^^^QMC^MR||A"
    message = _adt(pid, "A40", "MRG|Q2^^^QMC^MR")
    (event,) = message.identity_events
    assert (event.survivor.value, event.loser.value) == ("Q1", "Q2")


def test_several_merges_in_one_message_are_all_read():
    message = _adt("PID|1||M1^^^RX1^MR||A", "A40", "MRG|M2^^^RX1^MR", "PID|1||M3^^^RX1^MR||B", "MRG|M4^^^RX1^MR")
    pairs = [(event.survivor.value, event.loser.value) for event in message.identity_events]
    assert pairs == [("M1", "M2"), ("M3", "M4")]


def test_change_of_number_is_no_merge():
    (event,) = _adt("PID|1||M5^^^RX1^MR||A", "A47", "MRG|M4^^^RX1^MR").identity_events
    assert event.kind == "change-identifier"


def test_merge_without_mrg_is_unmappable():
    with pytest.raises(Unmappable) as caught:
        _adt("PID|1||M5^^^RX1^MR||A", "A40")
    assert caught.value.code == "no-merge-segment"
