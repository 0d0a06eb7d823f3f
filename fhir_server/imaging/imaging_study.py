"""What an archive says of one study, as FHIR fragments: an ImagingStudy and a mention of its Patient. Pure.

FHIR R4 ImagingStudy (https://hl7.org/fhir/R4/imagingstudy.html, mappings to DICOM there). The study's identifier is
`urn:dicom:uid` + `urn:oid:..`, series uids are bare; modalities come from the series, and a time without an offset
is the archive's local time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.dicom_json import items, number, text, values
from fhir_server.imaging.ports import ArchiveEndpoint, DicomJson
from hl7.fragments import BusinessKey, Fragment
from terminology.nhs_number import is_valid_nhs_number, normalise_nhs_number
from terminology.systems import (
    DCM,
    DICOM_UID,
    NHS_NUMBER,
    TYPE_ACCESSION,
    TYPE_MEDICAL_RECORD_NUMBER,
    V2_0203_IDENTIFIER_TYPE,
)

Json = dict[str, Any]

#: Above the rank of an ImagingStudy that only an order announced (`registered`): the pixels have been seen.
AVAILABLE_RANK = 100

# Issuers under which UK systems write the NHS number into PatientID, and its OID.
_NHS_ISSUERS = frozenset({"NHS", "NHSNO", "NHSNMBR", "NHS NUMBER", "2.16.840.1.113883.2.1.4.1"})
_GENDERS = {"M": "male", "F": "female", "O": "other"}
_MODALITY_NAMES = {
    "CR": "Computed Radiography",
    "CT": "Computed Tomography",
    "DX": "Digital Radiography",
    "MG": "Mammography",
    "MR": "Magnetic Resonance",
    "NM": "Nuclear Medicine",
    "PT": "Positron emission tomography",
    "RF": "Radio Fluoroscopy",
    "SR": "SR Document",
    "US": "Ultrasound",
    "XA": "X-Ray Angiography",
}


def study_fragments(
    study: DicomJson, series: Sequence[DicomJson], endpoint: ArchiveEndpoint, observed_at: datetime
) -> tuple[Fragment, ...]:
    """The fragments of one study. Empty when the study row has no UID; without a patient number, no subject."""
    uid = text(study, tags.STUDY_INSTANCE_UID)
    if not uid:
        return ()
    patient = patient_fragment(study, endpoint, observed_at)
    content = _content(uid, study, series, endpoint)
    if patient is not None:
        content["subject"] = patient.key.reference()
    fragment = Fragment(
        key=BusinessKey("ImagingStudy", DICOM_UID, f"urn:oid:{uid}"),
        content=content,
        event_time=observed_at,
        status_rank=AVAILABLE_RANK,
        accumulates=("endpoint",),
        sources=_SOURCES,
    )
    return (fragment,) if patient is None else (patient, fragment)


_SOURCES = {
    "identifier": "(0020,000D), (0008,0050)",
    "started": "(0008,0020), (0008,0030)",
    "modality": "(0008,0060) of the series",
    "description": "(0008,1030)",
    "subject": "(0010,0020)",
}


def _content(uid: str, study: DicomJson, series: Sequence[DicomJson], endpoint: ArchiveEndpoint) -> Json:
    listed = sorted(series, key=lambda row: (number(row, tags.SERIES_NUMBER) or 0, text(row, tags.SERIES_INSTANCE_UID)))
    mapped = [_series(row, endpoint) for row in listed if text(row, tags.SERIES_INSTANCE_UID)]
    content: Json = {
        "resourceType": "ImagingStudy",
        "identifier": _identifiers(uid, study, endpoint),
        "status": "available",
        "modality": _modalities(study, listed),
        "started": _moment(study, tags.STUDY_DATE, tags.STUDY_TIME, endpoint.zone),
        "endpoint": [{"reference": f"Endpoint/{endpoint.endpoint_id}"}],
        "numberOfSeries": number(study, tags.NUMBER_OF_STUDY_SERIES) or len(mapped),
        "numberOfInstances": _instance_count(study, mapped),
        "description": text(study, tags.STUDY_DESCRIPTION),
        "series": mapped,
    }
    return {name: value for name, value in content.items() if value not in ("", None, [])}


def _identifiers(uid: str, study: DicomJson, endpoint: ArchiveEndpoint) -> list[Json]:
    found: list[Json] = [{"use": "official", "system": DICOM_UID, "value": f"urn:oid:{uid}"}]
    accession = text(study, tags.ACCESSION_NUMBER)
    if accession:
        kind = {"coding": [{"system": V2_0203_IDENTIFIER_TYPE, "code": TYPE_ACCESSION}]}
        found.append({"use": "usual", "type": kind, "system": endpoint.accession_issuer, "value": accession})
    return found


def _series(row: DicomJson, endpoint: ArchiveEndpoint) -> Json:
    body_part = text(row, tags.BODY_PART_EXAMINED)
    series: Json = {
        "uid": text(row, tags.SERIES_INSTANCE_UID),
        "number": _unsigned(number(row, tags.SERIES_NUMBER)),
        "modality": _modality(text(row, tags.MODALITY) or "OT"),
        "description": text(row, tags.SERIES_DESCRIPTION),
        "numberOfInstances": _unsigned(number(row, tags.NUMBER_OF_SERIES_INSTANCES)),
        "bodySite": {"display": body_part} if body_part else None,
        "started": _moment(row, tags.SERIES_DATE, tags.SERIES_TIME, endpoint.zone),
    }
    return {name: value for name, value in series.items() if value not in ("", None)}


def _unsigned(value: int | None) -> int | None:
    """FHIR's unsignedInt: an odd negative SeriesNumber is left out, not refused."""
    return value if value is not None and value >= 0 else None


def _modalities(study: DicomJson, series: Sequence[DicomJson]) -> list[Json]:
    codes = {text(row, tags.MODALITY) for row in series} or {str(v) for v in values(study, tags.MODALITIES_IN_STUDY)}
    # Bare codings, as orders give them: what two sources say of one study is put together member by member.
    return [{"system": DCM, "code": code} for code in sorted(codes - {""})]


def _modality(code: str) -> Json:
    name = _MODALITY_NAMES.get(code)
    return {"system": DCM, "code": code, **({"display": name} if name else {})}


def _instance_count(study: DicomJson, series: list[Json]) -> int | None:
    stated = number(study, tags.NUMBER_OF_STUDY_INSTANCES)
    if stated is not None:
        return stated
    counts = [s.get("numberOfInstances") for s in series]
    return sum(counts) if counts and all(c is not None for c in counts) else None  # type: ignore[arg-type]


def _moment(row: DicomJson, date_tag: str, time_tag: str, zone: str) -> str:
    """FHIR dateTime of a DICOM date and time (PS3.5 table 6.2-1); the day alone when the time says nothing."""
    day = text(row, date_tag).replace(".", "")
    try:
        if not text(row, time_tag):
            return datetime.strptime(day, "%Y%m%d").date().isoformat()  # noqa: DTZ007
        return _with_time(day, text(row, time_tag).replace(":", ""), _offset(row) or ZoneInfo(zone))
    except ValueError:
        return ""


def _with_time(day: str, clock: str, zone: timezone | ZoneInfo) -> str:
    digits = clock.partition(".")[0].ljust(6, "0")
    return datetime.strptime(day + digits, "%Y%m%d%H%M%S").replace(tzinfo=zone).isoformat()


def _offset(row: DicomJson) -> timezone | None:
    """TimezoneOffsetFromUTC (0008,0201), `+0100`."""
    stated = text(row, tags.TIMEZONE_OFFSET)
    if len(stated) != 5 or stated[0] not in "+-" or not stated[1:].isdecimal():
        return None
    size = timedelta(hours=int(stated[1:3]), minutes=int(stated[3:]))
    return timezone(size if stated[0] == "+" else -size) if size < timedelta(hours=24) else None


def patient_fragment(study: DicomJson, endpoint: ArchiveEndpoint, observed_at: datetime) -> Fragment | None:
    """The person as the headers mention them: it may create a Patient, and never changes one."""
    nhs_number = _nhs_number(study)
    local = text(study, tags.PATIENT_ID)
    if local and local.replace(" ", "") != nhs_number:
        key = BusinessKey("Patient", endpoint.patient_issuer, local)
    elif nhs_number:
        key = BusinessKey("Patient", NHS_NUMBER, nhs_number)
    else:
        return None
    content = _patient_content(study, key, nhs_number)
    return Fragment(key=key, content=content, event_time=observed_at.astimezone(UTC), authoritative=False)


def _nhs_number(study: DicomJson) -> str:
    """The NHS number among the study's patient ids, if its check digit holds."""
    own = [(text(study, tags.PATIENT_ID), text(study, tags.ISSUER_OF_PATIENT_ID))]
    others = items(study, tags.OTHER_PATIENT_IDS_SEQUENCE)
    own += [(text(i, tags.PATIENT_ID), text(i, tags.ISSUER_OF_PATIENT_ID) or _universal_issuer(i)) for i in others]
    for value, issuer in own:
        if issuer.upper() in _NHS_ISSUERS | {NHS_NUMBER.upper()} and is_valid_nhs_number(normalise_nhs_number(value)):
            return normalise_nhs_number(value)
    return ""


def _universal_issuer(item: DicomJson) -> str:
    qualifiers = items(item, tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
    return text(qualifiers[0], "00400032") if qualifiers else ""


def _patient_content(study: DicomJson, key: BusinessKey, nhs_number: str) -> Json:
    identifiers: list[Json] = []
    if key.system != NHS_NUMBER:
        kind = {"coding": [{"system": V2_0203_IDENTIFIER_TYPE, "code": TYPE_MEDICAL_RECORD_NUMBER}]}
        identifiers.append({"use": "usual", "type": kind, "system": key.system, "value": key.value})
    if nhs_number:
        identifiers.append({"use": "official", "system": NHS_NUMBER, "value": nhs_number})
    content: Json = {"resourceType": "Patient", "identifier": identifiers, "name": _names(study)}
    content["gender"] = _GENDERS.get(text(study, tags.PATIENT_SEX).upper())
    content["birthDate"] = _moment(study, tags.PATIENT_BIRTH_DATE, "", "UTC")
    return {name: value for name, value in content.items() if value not in ("", None, [])}


def _names(study: DicomJson) -> list[Json]:
    """PN components are family^given^middle^prefix^suffix (PS3.5 section 6.2.1.2)."""
    parts = [part.strip() for part in text(study, tags.PATIENT_NAME).split("^")] + [""] * 4
    given = [name for name in (*parts[1].split(), *parts[2].split()) if name]
    name = {"use": "usual", "family": parts[0], "given": given, "prefix": parts[3].split(), "suffix": parts[4].split()}
    kept = {key: value for key, value in name.items() if value}
    return [kept] if "family" in kept or "given" in kept else []
