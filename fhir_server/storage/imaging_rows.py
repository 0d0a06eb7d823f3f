"""The rows that imaging keeps: where copies of studies are, what the image store holds, how archives are doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CopyState(StrEnum):
    """What is known of one copy of a study at one archive."""

    ONLINE = "online"
    UNREACHABLE = "unreachable"
    MISSING = "missing"  # it was there, and the archive no longer lists it


@dataclass(frozen=True)
class StudyLocation:
    """One copy of a study. Keyed by Study Instance UID, never by patient: a copy keeps the first trust's PatientID.

    `study_date` is DICOM's YYYYMMDD or ""; `verified_at` is in microseconds since 1970 UTC; `rows_hash` covers what
    the archive said of the study, so that an unchanged study is not recorded again.
    """

    study_uid: str
    endpoint_id: str
    state: CopyState
    series_count: int
    instance_count: int
    study_date: str
    local_patient_id: str
    patient_issuer: str
    rows_hash: str
    verified_at: int


@dataclass(frozen=True)
class StoredInstance:
    """One object in the region's image store; `path` is relative to the store's folder, `size` in bytes."""

    instance_uid: str
    series_uid: str
    study_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frames: int
    path: str
    size: int
    source: str  # calling AE title, or "stow:<client>"
    trust: str  # ODS code of the sender
    patient_id: str
    patient_issuer: str
    accession_number: str
    accession_issuer: str
    received_at: int


@dataclass(frozen=True)
class HarvestCursor:
    """How far one window of one archive has been walked: `position` is the next day to ask for, YYYYMMDD."""

    endpoint_id: str
    window: str
    position: str
    complete: bool
    updated_at: int
    problem: str = ""


@dataclass(frozen=True)
class EndpointHealth:
    """What the last probe of an archive found; `phase` says where it failed, `since` when the state began."""

    endpoint_id: str
    reachable: bool
    phase: str
    latency_ms: int
    checked_at: int
    since: int
    failures: int = 0


@dataclass(frozen=True)
class StudyRow:
    """One ImagingStudy that the caller may read: its identity and its stored bytes."""

    resource_id: str
    version_id: int
    patient_id: str | None
    custodian: str | None
    body: bytes
    composed: bool = True  # False: only clients wrote it
