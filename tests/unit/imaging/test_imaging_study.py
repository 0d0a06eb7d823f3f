"""What an archive's rows say, as an ImagingStudy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.imagingstudy import ImagingStudy

from fhir_server.imaging.dicom_json import element
from fhir_server.imaging.imaging_study import study_fragments
from fhir_server.imaging.ports import ArchiveEndpoint

ENDPOINT = ArchiveEndpoint("pacs-a", "PACS A", "RX1", "Burton", "dicom-wado-rs", "http://x", "urn:mrn", "urn:acc")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def study(**changes: Any) -> dict[str, Any]:
    row = {
        "0020000D": element("UI", "1.2.3"),
        "00080020": element("DA", "20260715"),
        "00080030": element("TM", "093015.123"),
        "00080050": element("SH", "0001234"),
        "00081030": element("LO", "CT Head"),
        "00100010": element("PN", "EXEMPLAR^Ada^Mary^Dr"),
        "00100020": element("LO", "A1"),
        "00100030": element("DA", "19610504"),
        "00100040": element("CS", "F"),
    }
    return {**row, **changes}


def series(number: int, modality: str = "CT") -> dict[str, Any]:
    return {
        "0020000E": element("UI", f"1.2.3.{number}"),
        "00200011": element("IS", number),
        "00080060": element("CS", modality),
        "00201209": element("IS", 10 * number),
    }


def content(row: dict[str, Any], listed: list[dict[str, Any]]) -> dict[str, Any]:
    return study_fragments(row, listed, ENDPOINT, NOW)[-1].content


def test_the_study_is_valid_fhir_once_its_subject_is_known() -> None:
    found = content(study(), [series(2, "SR"), series(1)])
    found["subject"] = {"reference": "Patient/1"}
    ImagingStudy.model_validate(found)
    assert [s["number"] for s in found["series"]] == [1, 2]
    assert [m["code"] for m in found["modality"]] == ["CT", "SR"]
    assert found["numberOfInstances"] == 30
    assert found["identifier"][1]["value"] == "0001234", "leading zeros are kept"


@pytest.mark.parametrize(
    ("changes", "started"),
    [
        ({}, "2026-07-15T09:30:15+01:00"),
        ({"00080020": element("DA", "20260115")}, "2026-01-15T09:30:15+00:00"),
        ({"00080030": element("TM")}, "2026-07-15"),
        ({"00080030": element("TM", "0930")}, "2026-07-15T09:30:00+01:00"),
        ({"00080201": element("SH", "-0500")}, "2026-07-15T09:30:15-05:00"),
        ({"00080020": element("DA", "2026.07.15")}, "2026-07-15T09:30:15+01:00"),
    ],
)
def test_a_time_without_an_offset_is_uk_time(changes: dict[str, Any], started: str) -> None:
    assert content(study(**changes), [])["started"] == started


def test_a_date_that_is_none_is_left_out() -> None:
    assert "started" not in content(study(**{"00080020": element("DA", "20261399")}), [])


def test_the_patient_is_the_archives_number_and_only_a_mention() -> None:
    patient = study_fragments(study(), [], ENDPOINT, NOW)[0]
    assert (patient.key.system, patient.key.value, patient.authoritative) == ("urn:mrn", "A1", False)
    name = {"use": "usual", "family": "EXEMPLAR", "given": ["Ada", "Mary"], "prefix": ["Dr"]}
    assert patient.content["name"] == [name]
    assert (patient.content["birthDate"], patient.content["gender"]) == ("1961-05-04", "female")


@pytest.mark.parametrize(("number", "found"), [("9990000026", True), ("999 000 0026", True), ("9990000027", False)])
def test_an_nhs_number_counts_only_with_its_check_digit(number: str, found: bool) -> None:
    other = {"00100020": element("LO", number), "00100021": element("LO", "NHS")}
    row = study(**{"00101002": {"vr": "SQ", "Value": [other]}})
    numbers = [i["value"] for i in study_fragments(row, [], ENDPOINT, NOW)[0].content["identifier"]]
    assert ("9990000026" in numbers) is found


def test_a_patient_id_that_is_the_nhs_number_is_keyed_as_one() -> None:
    row = study(**{"00100020": element("LO", "999 000 0026"), "00100021": element("LO", "NHS")})
    key = study_fragments(row, [], ENDPOINT, NOW)[0].key
    assert (key.system, key.value) == ("https://fhir.nhs.uk/Id/nhs-number", "9990000026")


def test_a_study_without_any_patient_number_has_no_subject() -> None:
    (only,) = study_fragments(study(**{"00100020": element("LO")}), [], ENDPOINT, NOW)
    assert "subject" not in only.content


def test_a_row_without_a_study_uid_says_nothing() -> None:
    assert study_fragments(study(**{"0020000D": element("UI")}), [], ENDPOINT, NOW) == ()
