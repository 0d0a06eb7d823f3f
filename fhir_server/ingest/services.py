"""What ingest works with: the store and the settings, one for each process."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.settings import Settings
from fhir_server.storage.unit_of_work import Storage


@dataclass(frozen=True)
class IngestServices:
    """`workers` file messages at the same time on PostgreSQL; SQLite has one writer, so it has one worker.

    Its transactions file up to `batch` messages, so that one flush to the disk pays for several. On PostgreSQL each
    message has its own: one that held the locks of the message before would wait for others in a circle.
    """

    storage: Storage
    settings: Settings
    workers: int = 4
    batch: int = 10

    @property
    def worker_count(self) -> int:
        return 1 if self.storage.database.is_sqlite else self.workers

    @property
    def batch_size(self) -> int:
        return self.batch if self.storage.database.is_sqlite else 1
