"""Index rows of documents (design decisions 5 and 9)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.definitions import definitions
from fhir_server.search.date import OPEN_HIGH, OPEN_LOW, parse_period
from fhir_server.search.extract import extract, patient_ids
from fhir_server.search.rows import TEXT_MAX, SearchContext
from fhir_server.search.string import fold
from tests.support.sample_resources import NHS, RESOURCES

SAMPLES = {resource["resourceType"]: resource for resource in RESOURCES}
LONDON = "Europe/London"


def rows_of(kind: str, code: str, resource: dict[str, Any], **context: str) -> set[tuple[Any, ...]]:
    """The rows of one parameter without its number."""
    resource_type = resource["resourceType"]
    number = definitions().search_parameters(resource_type)[code].number
    found = extract(resource_type, resource, SearchContext(**context))
    return {row[1:] for row in getattr(found, kind) if row[0] == number}


def microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return round(moment.timestamp() * 1_000_000)


def test_identifier_is_a_token_of_its_system() -> None:
    assert rows_of("token", "identifier", SAMPLES["Patient"]) == {("9990000018", NHS)}


def test_code_has_the_system_of_its_required_value_set() -> None:
    assert rows_of("token", "gender", SAMPLES["Patient"]) == {("female", "http://hl7.org/fhir/administrative-gender")}


def test_phone_and_email_are_told_apart() -> None:
    assert rows_of("token", "email", SAMPLES["Patient"]) == {("ada@mail.example", "")}
    assert rows_of("token", "phone", SAMPLES["Patient"]) == {("0116 496 0000", "")}


@pytest.mark.parametrize(
    ("deceased", "expected"),
    [({}, "false"), ({"deceasedBoolean": False}, "false"), ({"deceasedDateTime": "2026"}, "true")],
)
def test_deceased_is_always_known(deceased: dict[str, Any], expected: str) -> None:
    assert rows_of("token", "deceased", {"resourceType": "Patient", **deceased}) == {(expected, "")}


def test_concept_with_only_a_text_counts_as_present() -> None:
    observation = {"resourceType": "Observation", "code": {"text": "pressure"}}
    assert rows_of("token", "code", observation) == {("", "")}


def test_name_is_indexed_by_its_parts_folded() -> None:
    assert rows_of("string", "name", SAMPLES["Patient"]) == {
        ("ambar", "Ámbar"), ("zoe", "Zoë"), ("ann", "Ann"), ("zoeambar", "Zoë Ámbar"),
    }  # fmt: skip


def test_period_without_an_end_is_open() -> None:
    low = microseconds("2026-06-15T10:00:00+00:00")
    assert rows_of("date", "period", SAMPLES["Task"]) == {(low, OPEN_HIGH)}


def test_timing_covers_its_outer_limits() -> None:
    request = {
        "resourceType": "ServiceRequest",
        "occurrenceTiming": {
            "event": ["2026-01-01T10:00:00Z"],
            "repeat": {"boundsPeriod": {"end": "2026-02-01T00:00:00Z"}},
        },
    }
    assert rows_of("date", "occurrence", request) == {(OPEN_LOW, microseconds("2026-02-01T00:00:01+00:00"))}


def test_own_absolute_reference_becomes_relative() -> None:
    study = {"resourceType": "ImagingStudy", "subject": {"reference": "https://record.example/fhir/Patient/ada"}}
    assert rows_of("reference", "patient", study, base_url="https://record.example/fhir") == {("Patient/ada", None)}
    assert rows_of("reference", "patient", study) == {("https://record.example/fhir/Patient/ada", None)}


def test_versioned_reference_and_canonical_are_found_with_and_without_their_version() -> None:
    assert ("DiagnosticReport/r", "2") in rows_of("reference", "target", SAMPLES["Provenance"])
    assert ("DiagnosticReport/r/_history/2", "2") in rows_of("reference", "target", SAMPLES["Provenance"])
    targets = {row[0] for row in rows_of("reference", "depends-on", SAMPLES["PlanDefinition"])}
    assert targets == {"http://plan.example/q", "http://plan.example/q|1", "http://plan.example/q|2"}


def test_logical_reference_is_a_token_of_the_same_parameter() -> None:
    study = {"resourceType": "ImagingStudy", "subject": {"identifier": {"system": NHS, "value": "9990000018"}}}
    assert rows_of("token", "subject", study) == {("9990000018", NHS)}
    assert rows_of("token", "patient", study) == {("9990000018", NHS)}


def test_identifier_of_an_unnamed_agent_is_nobodys_patient() -> None:
    event = {"resourceType": "AuditEvent", "agent": [{"who": {"identifier": {"value": "95"}}}]}
    assert rows_of("token", "patient", event) == set()


def test_text_too_long_for_the_index_is_cut_and_still_told_apart() -> None:
    first, second = ({"resourceType": "Patient", "name": [{"family": "a" * 300 + end}]} for end in "xy")
    (one,), (other,) = rows_of("string", "family", first), rows_of("string", "family", second)
    assert one[0] == other[0] == "a" * TEXT_MAX
    assert one[1] != other[1]
    assert len(one[1]) <= TEXT_MAX


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2026-03", "2026-03-01T00:00:00+00:00", "2026-03-31T23:00:00+00:00"),
        ("2026-03-29", "2026-03-29T00:00:00+00:00", "2026-03-29T23:00:00+00:00"),
        ("2026-06-15", "2026-06-14T23:00:00+00:00", "2026-06-15T23:00:00+00:00"),
        ("2026-06-15T10:00", "2026-06-15T09:00:00+00:00", "2026-06-15T09:01:00+00:00"),
        ("2026-06-15T10:00:00Z", "2026-06-15T10:00:00+00:00", "2026-06-15T10:00:01+00:00"),
        ("2026-06-15T10:00:00.5+01:00", "2026-06-15T09:00:00.500000+00:00", "2026-06-15T09:00:00.600000+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:01+00:00"),
    ],
)
def test_date_covers_the_period_that_its_precision_says(text: str, low: str, high: str) -> None:
    assert parse_period(text, LONDON) == (microseconds(low), microseconds(high))


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-02-30", "yesterday", "2026-01-01T25:00:00Z", "2026-1-1"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_period(text, LONDON)


def test_first_and_last_day_of_the_calendar_are_dates() -> None:
    assert (
        parse_period("0001-01-01", LONDON)[0] < parse_period("9999-12-31", LONDON)[1] == parse_period("9999", LONDON)[1]
    )


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("O\u2019Brien", "o'brien"),
        ("STRAẞE", "strasse"),
        ("Łódź", "łodz"),
        ("van  der\tBerg", "vanderberg"),
        ("ﬁn", "fin"),
    ],
)
def test_folding_removes_case_accents_and_spacing(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("resource_type", "expected"),
    [("Patient", ("ada",)), ("ImagingStudy", ("ada",)), ("Task", ("ada",)), ("Appointment", ("ada",)), ("Bundle", ())],
)
def test_document_is_about_the_patients_it_refers_to(resource_type: str, expected: tuple[str, ...]) -> None:
    assert patient_ids(resource_type, SAMPLES[resource_type]) == expected


def test_patient_on_another_server_is_not_one_of_ours() -> None:
    study = {"resourceType": "ImagingStudy", "subject": {"reference": "https://other.example/fhir/Patient/ada"}}
    assert patient_ids("ImagingStudy", study) == ()


def test_group_is_about_all_its_members() -> None:
    members = [{"entity": {"reference": f"Patient/{name}"}} for name in ("bob", "ada")]
    assert patient_ids("Group", {"resourceType": "Group", "member": members}) == ("ada", "bob")
