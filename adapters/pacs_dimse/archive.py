"""The archive port over DIMSE: searches are C-FINDs, pixels are staged into the image store and served from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.pacs_dimse.association import Peer
from adapters.pacs_dimse.echo import echo
from adapters.pacs_dimse.find import find, study_keys
from adapters.pacs_dimse.retrieve import get_study, move_study
from adapters.pacs_dimse.staging import Staging
from fhir_server.errors import NotFound, Unavailable
from fhir_server.imaging.ports import (
    Archive,
    ArchiveEndpoint,
    ArchiveResponse,
    DicomJson,
    ImageStore,
    InstanceIndex,
    ObjectSource,
    StudyQuery,
)

_SERIES_MAX = 1000
_INSTANCES_MAX = 20000
_FIND_S = 5.0
_WAIT_S = 3.0  # a small study arrives within this; for a larger one the caller is told to come back


@dataclass(frozen=True)
class StagingArea:
    """Where pixels are brought: the image store, its index, and the archive port that serves from it."""

    served: Archive
    store: ImageStore
    index: InstanceIndex


class DimseArchive:
    """One registered application entity. `expected_count` says how many objects a study has, as harvested (None: the
    archive is asked)."""

    def __init__(
        self,
        endpoint: ArchiveEndpoint,
        peer: Peer,
        area: StagingArea,
        expected_count: Callable[[str], int | None] = lambda study_uid: None,
    ) -> None:
        self._endpoint, self._peer, self._area, self._expected_count = endpoint, peer, area, expected_count
        self._staging = Staging(self._transfer)
        self._complete: set[str] = set()

    @property
    def endpoint(self) -> ArchiveEndpoint:
        return self._endpoint

    def search_studies(self, query: StudyQuery, budget: float) -> list[DicomJson]:
        """C-FIND knows no paging: rows before `offset` are fetched and dropped."""
        rows = find(self._peer, "STUDY", study_keys(query), budget, query.offset + query.limit)
        return rows[query.offset :]

    def search_series(self, study_uid: str, budget: float) -> list[DicomJson]:
        keys = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": ""}
        return find(self._peer, "SERIES", keys, budget, _SERIES_MAX)

    def search_instances(self, study_uid: str, series_uid: str | None, budget: float) -> list[DicomJson]:
        listed = [series_uid] if series_uid else [_uid(row) for row in self.search_series(study_uid, budget)]
        found: list[DicomJson] = []
        for series in listed:
            keys = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
            found += find(self._peer, "IMAGE", keys, budget, _INSTANCES_MAX)
        return found

    def read_header(self, study_uid: str, series_uid: str, budget: float) -> DicomJson:
        return {}  # C-FIND rows carry the other patient ids

    def probe(self, budget: float) -> None:
        echo(self._peer, budget)

    def retrieve(self, path: str, accept: str, query: str = "") -> ArchiveResponse:
        """Serve the staged copy once it is whole; until then 503, which the caller repeats while we fetch."""
        study_uid = path.split("/")[1] if path.startswith("studies/") else ""
        if not study_uid:
            raise NotFound("There is no such resource.")
        if not self._is_whole(study_uid):
            self._fetch(study_uid)
        return self._area.served.retrieve(path, accept, query)

    def _fetch(self, study_uid: str) -> None:
        ended = self._staging.start(study_uid)
        if not ended.wait(_WAIT_S):
            raise Unavailable(f"The study is being fetched from {self._endpoint.trust_name}; try again in a moment.")
        failure = self._staging.failure(study_uid)
        if failure is not None:
            raise failure
        if not self._is_whole(study_uid):
            raise Unavailable(f"{self._endpoint.trust_name} has not yet sent the whole study.")

    def _is_whole(self, study_uid: str) -> bool:
        if study_uid in self._complete:
            return True
        held = len(self._area.index.of_study(study_uid))
        if held == 0:
            return False
        whole = held >= self._count(study_uid)
        if whole:
            self._complete.add(study_uid)
        return whole

    def _count(self, study_uid: str) -> int:
        return self._expected_count(study_uid) or len(self.search_instances(study_uid, None, _FIND_S))

    def _transfer(self, study_uid: str) -> int:
        if self._peer.move:
            return move_study(self._peer, study_uid, self._peer.our_aet)
        endpoint = self._endpoint
        name = f"fetch:{endpoint.endpoint_id}"
        source = ObjectSource(name, endpoint.trust, endpoint.patient_issuer, endpoint.accession_issuer)
        return get_study(self._peer, study_uid, self._area.store, source)


def _uid(row: DicomJson) -> str:
    return str((row.get("0020000E", {}).get("Value") or [""])[0])
