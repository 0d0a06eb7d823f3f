"""The archive port over DICOMweb: asks exactly, believes nothing, streams pixels through.

An archive may ignore a filter that it does not understand and answer with every study of every patient; so each row
is checked against what was asked before anybody sees it (PS3.18 section 10.6.1.2 lets a server ignore, with a warning).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from adapters.pacs_dicomweb.accept import plainer, wants_single_part
from adapters.pacs_dicomweb.connection import Connection
from adapters.pacs_dicomweb.limits import Limits
from adapters.pacs_dicomweb.query import date_range, series_query, study_query
from adapters.pacs_dicomweb.single_part import unwrap
from fhir_server.imaging.dicom_json import (
    ACCESSION_NUMBER,
    PATIENT_ID,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
    text,
)
from fhir_server.imaging.ports import ArchiveEndpoint, ArchiveResponse, DicomJson, StudyQuery, WrongAnswer

_JSON = "application/dicom+json"
_SERIES_MAX = 1000
_INSTANCES_MAX = 20000


class DicomWebArchive:
    """One registered DICOMweb root. `headers` carry the credentials that the trust gave us, if any."""

    def __init__(
        self,
        endpoint: ArchiveEndpoint,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        on_rejected: Callable[[str, int], None] = lambda endpoint_id, rows: None,
    ) -> None:
        self._endpoint = endpoint
        self._connection = Connection(endpoint.address, endpoint.trust_name, limits or Limits(), headers)
        self._on_rejected = on_rejected

    @property
    def endpoint(self) -> ArchiveEndpoint:
        return self._endpoint

    def search_studies(self, query: StudyQuery, budget: float) -> list[DicomJson]:
        rows = self._rows(f"studies?{study_query(query)}", budget)
        return self._believed(rows, lambda row: _answers(row, query))

    def search_series(self, study_uid: str, budget: float) -> list[DicomJson]:
        rows = self._rows(f"studies/{study_uid}/series?{series_query(_SERIES_MAX)}", budget)
        return self._believed(rows, lambda row: text(row, STUDY_INSTANCE_UID) in ("", study_uid))

    def search_instances(self, study_uid: str, series_uid: str | None, budget: float) -> list[DicomJson]:
        scope = f"studies/{study_uid}/series/{series_uid}" if series_uid else f"studies/{study_uid}"
        rows = self._rows(f"{scope}/instances?limit={_INSTANCES_MAX}", budget)
        return self._believed(rows, lambda row: _is_below(row, study_uid, series_uid))

    def read_header(self, study_uid: str, series_uid: str, budget: float) -> DicomJson:
        """Older servers leave sequences (the other patient ids) out of search rows, and give them in metadata."""
        series = f"studies/{study_uid}/series/{series_uid}"
        found = self._rows(f"{series}/instances?limit=1", budget)
        uid = text(found[0], SOP_INSTANCE_UID) if found else ""
        rows = self._rows(f"{series}/instances/{uid}/metadata", budget) if uid else []
        return next(iter(self._believed(rows, lambda row: text(row, STUDY_INSTANCE_UID) == study_uid)), {})

    def retrieve(self, path: str, accept: str, query: str = "") -> ArchiveResponse:
        target = f"{path}?{query}" if query else path
        response = self._connection.open(target, accept)
        other = plainer(path, accept) if response.status in (400, 406) else None
        if other is None or other == accept:
            return response
        response.close()
        response = self._connection.open(target, other)
        if response.status == 200 and wants_single_part(path, accept):
            return unwrap(response, self._endpoint.trust_name)
        return response

    def probe(self, budget: float) -> None:
        """A search that every archive answers from its index: one of today's studies."""
        today = datetime.now(ZoneInfo(self._endpoint.zone)).date()
        self._rows(f"studies?{study_query(StudyQuery(date_from=today, date_to=today, limit=1))}", budget)

    def _rows(self, path: str, budget: float) -> list[DicomJson]:
        status, body = self._connection.read(path, _JSON, budget)
        if status == 204 or (status == 200 and not body.strip()):
            return []
        if status != 200:
            raise WrongAnswer(f"{self._endpoint.trust_name} answered a search with HTTP status {status}.")
        return self._parse(body)

    def _parse(self, body: bytes) -> list[DicomJson]:
        try:
            rows: Any = json.loads(body)
        except ValueError as error:
            raise WrongAnswer(f"{self._endpoint.trust_name} answered a search with no JSON.") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise WrongAnswer(f"{self._endpoint.trust_name} answered a search with no list of rows.")
        return rows

    def _believed(self, rows: Iterable[DicomJson], answers: Callable[[DicomJson], bool]) -> list[DicomJson]:
        found = list(rows)
        kept = [row for row in found if answers(row)]
        if len(kept) != len(found):
            self._on_rejected(self._endpoint.endpoint_id, len(found) - len(kept))
        return kept


def _answers(row: DicomJson, query: StudyQuery) -> bool:
    """Whether the row carries every key that was asked for."""
    if not text(row, STUDY_INSTANCE_UID):
        return False
    asked = (
        (STUDY_INSTANCE_UID, query.study_uid),
        (PATIENT_ID, query.patient_id),
        (ACCESSION_NUMBER, query.accession_number),
    )
    if any(value and text(row, tag) != value for tag, value in asked):
        return False
    return _in_range(text(row, STUDY_DATE), query)


def _in_range(day: str, query: StudyQuery) -> bool:
    if query.date_from is None and query.date_to is None:
        return True
    low, _, high = date_range(query.date_from, query.date_to).partition("-")
    if query.date_from == query.date_to:
        high = low
    return bool(day) and low <= day.replace(".", "") <= (high or "99999999")


def _is_below(row: DicomJson, study_uid: str, series_uid: str | None) -> bool:
    series = text(row, SERIES_INSTANCE_UID)
    return text(row, STUDY_INSTANCE_UID) in ("", study_uid) and (series_uid is None or series in ("", series_uid))
