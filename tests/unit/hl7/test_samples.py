"""Every sample message ends in the fragments that it should, and those are sound FHIR."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from hl7.conformance import explain, find_disagreements
from hl7.fragments import Fragment
from hl7.message import parse_message
from tests.unit.hl7.samples import SAMPLES, codes, mapped, of_type, sample

_NAMES = sorted(path.stem for path in SAMPLES.glob("*.hl7"))
# What the composer fills in where no fragment says it.
_DEFAULTS = {
    "Encounter": {"status": "unknown"},
    "ServiceRequest": {"status": "unknown"},
    "Task": {"status": "requested"},
}

# Sample: fragments as (type, key value, status), and the odd things found.
_EXPECTED = {
    "adt_a01_admission": ([("Patient", "1000101", None), ("Encounter", "V100001", "in-progress")], set()),
    "adt_a03_discharge": ([("Patient", "1000101", None), ("Encounter", "V100001", "finished")], set()),
    "adt_a04_registration": ([("Patient", "1000102", None), ("Encounter", "V100002", "planned")], set()),
    "adt_a08_cleared_fields": (
        [("Patient", "1000101", None), ("Encounter", "V100001", None)],
        {"PID-3 invalid-nhs-number"},
    ),
    "adt_a08_odd_delimiters": ([("Patient", "1000104", None)], set()),
    "adt_a28_welsh_status": ([("Patient", "W77", None)], {"PID-7 bad-time"}),
    "adt_a31_person_update": (
        [("Patient", "1000103", None)],
        {"MSH-9 message-structure", "PID-2 deprecated-field", "NTE segment-not-filed"},
    ),
    "adt_a40_merge": ([("Patient", "1000101", None), ("Patient", "1000999", None)], set()),
    "omg_o19_two_exams": (
        [
            ("ServiceRequest", "RNS0000501^XCHES", "active"),
            ("Task", "RNS0000501^XCHES", "accepted"),
            ("ImagingStudy", "RNS0000501", "registered"),
            ("ServiceRequest", "RNS0000502^XHAND", "active"),
            ("Task", "RNS0000502^XHAND", "accepted"),
            ("ImagingStudy", "RNS0000502", "registered"),
        ],
        set(),
    ),
    "omi_o23_ipc": (
        [
            ("ServiceRequest", "FL9^MBRAI", "active"),
            ("Task", "FL9^MBRAI", "requested"),
            ("ImagingStudy", "urn:oid:1.2.826.0.1.3680043.10.999.9", "registered"),
        ],
        set(),
    ),
    "orm_o01_booking": (
        [
            ("Encounter", "V100003", None),
            ("ServiceRequest", "00123456^CCHES", "active"),
            ("Task", "00123456^CCHES", "requested"),
            ("ImagingStudy", "urn:oid:1.2.826.0.1.3680043.10.999.1", "registered"),
        ],
        set(),
    ),
    "orm_o01_performed": (
        [
            ("ServiceRequest", "00123456^CCHES", "completed"),
            ("Task", "00123456^CCHES", "in-progress"),
            ("ImagingStudy", "00123456", "registered"),
        ],
        set(),
    ),
    "orm_o01_cancelled": (
        [
            ("ServiceRequest", "00123456^CCHES", "revoked"),
            ("Task", "00123456^CCHES", "cancelled"),
            ("ImagingStudy", "00123456", "cancelled"),
        ],
        set(),
    ),
    "oru_r01_lines": (
        [
            ("ServiceRequest", "00123456^CCHES", "completed"),
            ("ImagingStudy", "urn:oid:1.2.826.0.1.3680043.10.999.1", "registered"),
            ("DiagnosticReport", "00123456", "final"),
            ("Task", "00123456^CCHES", "completed"),
        ],
        set(),
    ),
    "oru_r01_preliminary": (
        [
            ("ServiceRequest", "00123456^CCHES", "active"),
            ("DiagnosticReport", "00123456", "preliminary"),
            ("Task", "00123456^CCHES", "in-progress"),
        ],
        set(),
    ),
    "oru_r01_addendum": ([("DiagnosticReport", "00123456", "corrected")], set()),
    "oru_r01_cancelled": ([("DiagnosticReport", "00123456", "cancelled"), ("Task", "00123456^CCHES", None)], set()),
    "oru_r01_three_exams_one_report": (
        [
            ("ServiceRequest", "EV5001^CCHES", "completed"),
            ("ServiceRequest", "EV5001^CABDO", "completed"),
            ("ServiceRequest", "EV5001^CPELV", "completed"),
            ("ImagingStudy", "RWE00005001", "registered"),
            ("DiagnosticReport", "EV5001", "final"),
        ],
        set(),
    ),
    "oru_r01_two_reports": (
        [("DiagnosticReport", "EV5002^XCHES", "final"), ("DiagnosticReport", "EV5002^XHAND", "final")],
        {"OBR-3 several-reports"},
    ),
    "oru_r01_pdf": (
        [("DiagnosticReport", "FL9", "final"), ("Observation", "FL9^MASS^", "final")],
        {"OBX wrapped-line", "OBX-5 bad-document", "OBX-5 reference-pointer"},
    ),
    "oru_r01_wrapped_text": (
        [("DiagnosticReport", "F77", "final")],
        {"OBR segment-name", "OBX wrapped-line", "OBR-25 result-status"},
    ),
    "oru_r01_without_status": ([("DiagnosticReport", "F78", "preliminary")], {"OBR-25 result-status"}),
}


def test_every_sample_is_expected():
    assert set(_EXPECTED) == set(_NAMES)


@pytest.mark.parametrize("name", _NAMES)
def test_sample_ends_in_its_fragments(name):
    message = mapped(name)
    expected, odd = _EXPECTED[name]
    found = {(f.resource_type, f.key.value, f.content.get("status")) for f in message.fragments}
    assert set(expected) <= found
    for resource_type in ("ServiceRequest", "DiagnosticReport", "Encounter", "Patient"):
        wanted = [row for row in expected if row[0] == resource_type]
        assert not wanted or len(of_type(message, resource_type)) == len(wanted)
    assert codes(message) == odd


@pytest.mark.parametrize("name", _NAMES)
def test_sample_makes_sound_resources(name):
    for fragment in mapped(name).fragments:
        _validate(fragment)


def _validate(fragment: Fragment) -> None:
    content = {key: value for key, value in fragment.content.items() if value is not None}
    content = _DEFAULTS.get(fragment.resource_type, {}) | content
    get_fhir_model_class(fragment.resource_type).model_validate(content)


@pytest.mark.parametrize("name", _NAMES)
def test_every_fragment_says_where_it_comes_from(name):
    for fragment in mapped(name).fragments:
        assert fragment.sources
        assert fragment.content["resourceType"] == fragment.resource_type
        assert fragment.event_time.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("name", _NAMES)
def test_warnings_carry_no_patient_data(name):
    message = mapped(name)
    for secret in ("Testpatient", "1000101", "999000", "19610412"):
        assert all(secret not in warning.text for warning in message.warnings)


@pytest.mark.parametrize("name", _NAMES)
def test_hl7apy_reads_the_sample_as_we_do(name):
    message = parse_message(sample(name))
    assert find_disagreements(message) == []
    assert len(explain(message).fields) > 10


@pytest.mark.parametrize("name", _NAMES)
def test_each_thing_is_spoken_of_once(name):
    keys = [fragment.key for fragment in mapped(name).fragments]
    assert len(keys) == len(set(keys))
