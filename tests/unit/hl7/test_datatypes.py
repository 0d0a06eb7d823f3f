"""Points in time as feeds write them, UIDs, and profile references."""

from datetime import UTC, datetime

import pytest

from hl7.datatypes import parse_moment, parse_uid
from hl7.profile import Profile
from hl7.reading import parse_field_reference


@pytest.mark.parametrize(
    ("sent", "fhir", "utc"),
    [
        ("20260301", "2026-03-01", (2026, 3, 1)),
        ("202603", "2026-03", (2026, 3, 1)),
        ("2026", "2026", (2026, 1, 1)),
        ("202607010930", "2026-07-01T09:30:00+01:00", (2026, 7, 1, 8, 30)),
        ("20260101093015", "2026-01-01T09:30:15+00:00", (2026, 1, 1, 9, 30, 15)),
        ("20260101093015.1234", "2026-01-01T09:30:15.123+00:00", (2026, 1, 1, 9, 30, 15, 123400)),
        ("20260701093015+0000", "2026-07-01T09:30:15+00:00", (2026, 7, 1, 9, 30, 15)),
        ("20260701093015-0500", "2026-07-01T09:30:15-05:00", (2026, 7, 1, 14, 30, 15)),
        ("2026-07-01 09:30:15", "2026-07-01T09:30:15+01:00", (2026, 7, 1, 8, 30, 15)),
        ("2026-07-01T09:30:15Z", "2026-07-01T09:30:15+00:00", (2026, 7, 1, 9, 30, 15)),
        ("01/07/2026", "2026-07-01", (2026, 6, 30, 23)),
        ("20260101240000", "2026-01-02T00:00:00+00:00", (2026, 1, 2)),
        ("2026010109", "2026-01-01T09:00:00+00:00", (2026, 1, 1, 9)),
    ],
)
def test_point_in_time_is_read(sent, fhir, utc):
    moment = parse_moment(sent)
    assert (moment.fhir, moment.utc) == (fhir, datetime(*utc, tzinfo=UTC))


@pytest.mark.parametrize(
    "sent", ["", "20261301", "20260230", "yesterday", "0000", "00010101", "2026030", "٢٠٢٦", "99999999"]
)
def test_what_is_no_point_in_time_is_none(sent):
    assert parse_moment(sent) is None


def test_instant_always_has_an_offset():
    assert parse_moment("20260701").instant() == "2026-06-30T23:00:00Z"
    assert parse_moment("202607010930").instant() == "2026-07-01T09:30:00+01:00"


@pytest.mark.parametrize("text", ["1.2.840.113619", "urn:oid:1.2.3", "2.25.0"])
def test_uid_is_read(text):
    assert parse_uid(text)


@pytest.mark.parametrize("text", ["", "1", "1.02.3", "1..2", "1.2.x", "1." + "2" * 70])
def test_what_is_no_uid_is_none(text):
    assert parse_uid(text) is None


def test_field_references_are_read_as_the_standard_prints_them():
    assert parse_field_reference("OBR-18") == ("OBR", 18, 1)
    assert parse_field_reference("ZX1-3.2") == ("ZX1", 3, 2)
    with pytest.raises(ValueError, match="field reference"):
        parse_field_reference("accession")


def test_systems_derive_from_the_issuer():
    profile = Profile(
        "https://record.example/issuer/RX1/ris", "RX1", mrn_system="https://record.example/issuer/RX1/pas/mrn"
    )
    assert profile.system("accession") == "https://record.example/issuer/RX1/ris/accession"
    assert profile.patient_number_system("RX1") == "https://record.example/issuer/RX1/pas/mrn"
    assert profile.patient_number_system("") == "https://record.example/issuer/RX1/pas/mrn"
