"""Record studies that arrived object by object (C-STORE, STOW-RS), once no object has come for a quiet period.

A study is never provably complete; after each further object it is recorded again.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from datetime import UTC, datetime

from fhir_server.errors import RecordError
from fhir_server.imaging.harvest import make_location
from fhir_server.imaging.imaging_study import study_fragments
from fhir_server.imaging.ports import (
    ArchiveEndpoint,
    HarvestStore,
    ImageStore,
    InstanceIndex,
    Recorder,
    StoredInstance,
)

logger = logging.getLogger(__name__)

#: Sources whose objects were fetched from an archive: that archive's own harvest speaks for the study.
FETCHED = "fetch:"


class ReceivedStudies:
    """Turns quiet studies of the image store into fragments. `endpoint` is the image store's own Endpoint."""

    def __init__(
        self,
        store: ImageStore,
        index: InstanceIndex,
        locations: HarvestStore,
        recorder: Recorder,
        endpoint: ArchiveEndpoint,
    ) -> None:
        self._store, self._index, self._locations = store, index, locations
        self._recorder, self._endpoint = recorder, endpoint

    def file_quiet(self, quiet_s: float, limit: int = 100) -> int:
        """Record the studies that have been quiet for `quiet_s` seconds; returns how many."""
        before = time.time_ns() // 1000 - int(quiet_s * 1_000_000)
        filed = 0
        for study_uid, until in self._index.quiet_studies(before, limit):
            try:
                self._file(study_uid, until)
                filed += 1
            except RecordError as error:
                logger.warning("a received study was not recorded yet", extra={"problem": str(error)})
        return filed

    def _file(self, study_uid: str, until: int) -> None:
        study, series = self._store.study_rows(study_uid)
        instances = self._index.of_study(study_uid)
        if study and instances:
            endpoint = _endpoint_of(self._endpoint, instances[0])
            if not instances[0].source.startswith(FETCHED):
                now = datetime.now(UTC)
                fragments = study_fragments(study, series, endpoint, now)
                self._recorder.record_fragments(fragments, source=f"store:{instances[0].source}", observed_at=now)
            location = make_location(study, series, endpoint.endpoint_id, endpoint.patient_issuer)
            self._locations.save_location(location)
        self._index.mark_filed(study_uid, until)


def _endpoint_of(store: ArchiveEndpoint, instance: StoredInstance) -> ArchiveEndpoint:
    """The image store, with the issuers of whoever sent the study: its numbers are that trust's."""
    return dataclasses.replace(
        store,
        trust=instance.trust,
        patient_issuer=instance.patient_issuer,
        accession_issuer=instance.accession_issuer,
    )
