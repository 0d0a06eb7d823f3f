"""What imaging needs of a trust's archive, of the region's image store, and of the record: ports, filled by wiring.

DICOM JSON model: PS3.18 annex F (https://dicom.nema.org/medical/dicom/current/output/chtml/part18/chapter_F.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fhir_server.errors import RecordError, Unavailable, UpstreamFailed, UpstreamTimeout
from fhir_server.storage.imaging_rows import (
    CopyState,
    EndpointHealth,
    HarvestCursor,
    StoredInstance,
    StudyLocation,
)
from hl7.fragments import Fragment

__all__ = [
    "Archive",
    "ArchiveDirectory",
    "ArchiveEndpoint",
    "ArchiveResponse",
    "CopyState",
    "CutOff",
    "DicomJson",
    "EndpointHealth",
    "HarvestCursor",
    "HarvestStore",
    "ImageStore",
    "InstanceIndex",
    "NoAnswer",
    "NotConnected",
    "ObjectSource",
    "Recorder",
    "StoredInstance",
    "StoreOutcome",
    "StudyLocation",
    "StudyQuery",
    "WrongAnswer",
    "phase_of",
]

#: One object of the DICOM JSON model: "GGGGEEEE" -> {"vr": .., "Value": [..]}.
DicomJson = dict[str, Any]


@dataclass(frozen=True)
class ArchiveEndpoint:
    """One registered archive. `endpoint_id` is the logical id of its Endpoint resource, `trust` the ODS code.

    `patient_issuer` and `accession_issuer` are the system URIs of the numbers in its headers (a number without its
    issuer means nothing outside the trust). `address` is the DICOMweb root, or `dicom://AET@host:port`.
    """

    endpoint_id: str
    name: str
    trust: str
    trust_name: str
    kind: str  # dicom-wado-rs, dimse, image-store
    address: str
    patient_issuer: str
    accession_issuer: str
    zone: str = "Europe/London"


@dataclass(frozen=True)
class StudyQuery:
    """Exact-match keys, and a range of study dates (both ends included). Nothing else is ever asked of an archive."""

    study_uid: str | None = None
    patient_id: str | None = None
    accession_number: str | None = None
    date_from: date | None = None
    date_to: date | None = None
    limit: int = 100
    offset: int = 0


class NotConnected(Unavailable):
    """The archive could not be reached at all (503)."""

    phase = "not-connected"


class NoAnswer(UpstreamTimeout):
    """The archive took the connection and said nothing in time (504)."""

    phase = "no-answer"


class CutOff(UpstreamFailed):
    """The answer broke off in the middle (502)."""

    phase = "cut"


class WrongAnswer(UpstreamFailed):
    """The archive answered with an error, or with something that is not what was asked (502)."""

    phase = "wrong-answer"


def phase_of(error: RecordError) -> str:
    """Where the exchange with the archive failed."""
    return str(getattr(error, "phase", "failed"))


@dataclass
class ArchiveResponse:
    """An answer in flight: nothing of the body has been read. `chunks` raises CutOff when it breaks off."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    close: Callable[[], None] = field(default=lambda: None)


class Archive(Protocol):
    """A place that holds pixels. Budgets are seconds for the whole exchange; every failure is a RecordError."""

    @property
    def endpoint(self) -> ArchiveEndpoint: ...

    def search_studies(self, query: StudyQuery, budget: float) -> list[DicomJson]: ...

    def search_series(self, study_uid: str, budget: float) -> list[DicomJson]: ...

    def search_instances(self, study_uid: str, series_uid: str | None, budget: float) -> list[DicomJson]: ...

    def read_header(self, study_uid: str, series_uid: str, budget: float) -> DicomJson:
        """The header of some object of the series, for what search rows leave out; empty when rows say it all."""
        ...

    def retrieve(self, path: str, accept: str, query: str = "") -> ArchiveResponse:
        """Open `path` below the DICOMweb root ("studies/.."), with the caller's Accept header and query string."""
        ...

    def probe(self, budget: float) -> None:
        """Prove that the archive answers queries (a ping alone proves little); raise what is wrong."""
        ...


class ArchiveDirectory(Protocol):
    """The registered archives; read anew as endpoints come and go."""

    def all(self) -> Sequence[Archive]: ...

    def get(self, endpoint_id: str) -> Archive | None: ...


@dataclass(frozen=True)
class ObjectSource:
    """Who sends objects to the image store: the issuers under which the numbers in its headers have a meaning."""

    name: str  # calling AE title, or "stow:<client id>"
    trust: str
    patient_issuer: str
    accession_issuer: str


@dataclass(frozen=True)
class StoreOutcome:
    """What became of one object: `failure` is a DICOM failure reason (PS3.18 table I.2-2) or 0."""

    sop_class_uid: str
    instance_uid: str
    study_uid: str = ""
    series_uid: str = ""
    failure: int = 0


class ImageStore(Protocol):
    """The region's own copy of pixels. An object is durable (synced, named, indexed) when `store` returns."""

    @property
    def incoming(self) -> Path:
        """A folder on the store's disk for objects on their way in; swept when the record starts."""
        ...

    def store(self, part10: BinaryIO, source: ObjectSource, *, study_uid: str | None = None) -> StoreOutcome: ...

    def study_rows(self, study_uid: str) -> tuple[DicomJson, list[DicomJson]]:
        """The study and its series as QIDO-RS rows, from the stored headers."""
        ...


class InstanceIndex(Protocol):
    """Which objects the image store holds."""

    def add(self, instance: StoredInstance) -> None: ...

    def get(self, instance_uid: str) -> StoredInstance | None: ...

    def of_study(self, study_uid: str, series_uid: str | None = None) -> list[StoredInstance]: ...

    def studies(self, query: StudyQuery) -> list[str]: ...

    def quiet_studies(self, before: int, limit: int) -> list[tuple[str, int]]:
        """Studies not yet recorded whose last object came before the instant: (study UID, that last object's time)."""
        ...

    def mark_filed(self, study_uid: str, until: int) -> None: ...


class Recorder(Protocol):
    """The record's single door for what the archives say; ingest implements it."""

    def record_fragments(self, fragments: Iterable[Fragment], *, source: str, observed_at: datetime) -> None: ...


class HarvestStore(Protocol):
    """What harvest remembers: copies found, cursors, health."""

    def locations(self, study_uid: str) -> list[StudyLocation]: ...

    def locations_of_many(self, study_uids: Sequence[str]) -> dict[str, list[StudyLocation]]: ...

    def known(self, endpoint_id: str, study_uids: Sequence[str]) -> dict[str, StudyLocation]: ...

    def save_location(self, location: StudyLocation) -> None: ...

    def verify(self, endpoint_id: str, study_uids: Sequence[str], at: int) -> None: ...

    def mark_missing(self, endpoint_id: str, first_day: str, last_day: str, seen: Sequence[str], at: int) -> int: ...

    def cursor(self, endpoint_id: str, window: str) -> HarvestCursor | None: ...

    def save_cursor(self, cursor: HarvestCursor) -> None: ...

    def health(self) -> dict[str, EndpointHealth]: ...

    def save_health(self, health: EndpointHealth) -> None: ...
