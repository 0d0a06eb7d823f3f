"""Queries are spelt so that an archive that does not decode percent-encoding finds what it should."""

from __future__ import annotations

from datetime import date

import pytest

from adapters.pacs_dicomweb.accept import plainer, wants_single_part
from adapters.pacs_dicomweb.query import date_range, study_query
from fhir_server.imaging.ports import StudyQuery

INSTANCE = "studies/1/series/2/instances/3"


def test_only_exact_keys_and_a_date_range_are_sent() -> None:
    query = StudyQuery(study_uid="1.2.3", patient_id="A-1/B^C", date_from=date(2026, 1, 1), date_to=date(2026, 1, 31))
    sent = study_query(query)
    assert sent.startswith("StudyInstanceUID=1.2.3&PatientID=A-1/B^C&StudyDate=20260101-20260131&includefield=")
    assert sent.endswith("&limit=100&offset=0")


def test_characters_that_would_change_the_query_are_encoded() -> None:
    assert "PatientID=A%26PatientName%3D%2B%20%23&" in study_query(StudyQuery(patient_id="A&PatientName=+ #"))


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 1, 2), date(2026, 1, 2), "20260102"),
        (None, date(2026, 1, 2), "-20260102"),
        (date(2026, 1, 2), None, "20260102-"),
    ],
)
def test_date_ranges(first: date | None, last: date | None, text: str) -> None:
    assert date_range(first, last) == text


@pytest.mark.parametrize(
    ("path", "accept", "plain"),
    [
        (f"{INSTANCE}/rendered", "text/html,*/*;q=0.8", "image/jpeg"),
        (f"{INSTANCE}/rendered", "image/png, image/gif", "image/png"),
        (f"{INSTANCE}/rendered", "video/mp4", None),
        (f"{INSTANCE}/frames/1", 'multipart/related; type="*/*"', 'multipart/related; type="application/octet-stream"'),
        (f"{INSTANCE}/frames/1", "multipart/related; type=image/jls", None),
        (INSTANCE, "application/dicom", 'multipart/related; type="application/dicom"; transfer-syntax=*'),
        (INSTANCE, 'multipart/related; type="application/dicom"; transfer-syntax=1.2', None),
        ("studies/1", "image/jpeg", None),
    ],
)  # fmt: skip
def test_a_refused_accept_header_is_asked_again_in_plainer_words(path: str, accept: str, plain: str | None) -> None:
    assert plainer(path, accept) == plain


def test_one_object_is_wanted_single_part_only_without_multipart() -> None:
    assert wants_single_part(INSTANCE, "application/dicom")
    assert not wants_single_part(INSTANCE, 'multipart/related; type="application/dicom"')
    assert not wants_single_part("studies/1", "application/dicom")
