"""What ingest works with: the store and the settings, one for each process."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.settings import Settings
from fhir_server.storage.unit_of_work import Storage


@dataclass(frozen=True)
class IngestServices:
    """`workers` file messages at the same time on PostgreSQL; SQLite has one writer, so it has one worker.

    Each transaction files up to `batch` messages: one flush to the disk then pays for several.
    """

    storage: Storage
    settings: Settings
    workers: int = 4
    batch: int = 5

    @property
    def worker_count(self) -> int:
        return 1 if self.storage.database.is_sqlite else self.workers
