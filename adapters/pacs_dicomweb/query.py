"""QIDO-RS requests: which keys are asked, and how they are spelt (PS3.18 section 10.6).

Archives differ in how they read a percent-encoded filter value: one decodes it, as it must; another (Orthanc's
DICOMweb 1.7) compares the encoded text and silently finds nothing. So characters that a query may carry as they are
are never encoded, and one `includefield` is sent per parameter because an encoded comma is misread too.
https://dicom.nema.org/medical/dicom/current/output/chtml/part18/sect_10.6.html
"""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from fhir_server.imaging.ports import StudyQuery

# RFC 3986: what a query component may contain literally, less the delimiters "&", "=", "+" and "#".
_LITERAL = "!$'()*,-./:;?@_~^"

_STUDY_FIELDS = ("StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
# OtherPatientIDsSequence and IssuerOfPatientID, by tag: keywords of sequences are not understood everywhere.
_IDENTITY_FIELDS = ("00101002", "00100021", "00080201", "00080051")
_SERIES_FIELDS = ("BodyPartExamined", "SeriesDescription", "NumberOfSeriesRelatedInstances")


def study_query(query: StudyQuery) -> str:
    """The query string of a search for studies: exact-match keys and a date range, nothing else."""
    pairs: list[tuple[str, str]] = []
    if query.study_uid:
        pairs.append(("StudyInstanceUID", query.study_uid))
    if query.patient_id:
        pairs.append(("PatientID", query.patient_id))
    if query.accession_number:
        pairs.append(("AccessionNumber", query.accession_number))
    if query.date_from or query.date_to:
        pairs.append(("StudyDate", date_range(query.date_from, query.date_to)))
    pairs += [("includefield", field) for field in (*_STUDY_FIELDS, *_IDENTITY_FIELDS)]
    return spell([*pairs, ("limit", str(query.limit)), ("offset", str(query.offset))])


def series_query(limit: int) -> str:
    return spell([*(("includefield", field) for field in _SERIES_FIELDS), ("limit", str(limit))])


def spell(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={quote(value, safe=_LITERAL)}" for name, value in pairs)


def date_range(first: date | None, last: date | None) -> str:
    """A DICOM date range (PS3.4 C.2.2.2.5): `20260101-20260131`, open at either end, or one day."""
    low = first.strftime("%Y%m%d") if first else ""
    high = last.strftime("%Y%m%d") if last else ""
    return low if low and low == high else f"{low}-{high}"
