"""The jobs that every record runs, whatever is connected to it: file disclosures, make time partitions ahead."""

from __future__ import annotations

import time
from pathlib import Path

from fhir_server.audit.filing import file_spools
from fhir_server.jobs.periodic import PeriodicJob
from fhir_server.storage.schema import keep_partitions
from fhir_server.storage.unit_of_work import Storage

_FILING_S = 2.0
_PARTITIONS_S = 6 * 3600.0


def make_housekeeping_jobs(storage: Storage, spool_directory: Path) -> list[PeriodicJob]:
    """The standing jobs. On more than one machine, each machine files the spool directory of its own."""
    return [
        PeriodicJob("disclosure-filing", _FILING_S, lambda _stop: file_spools(storage, spool_directory)),
        PeriodicJob("partitions", _PARTITIONS_S, lambda _stop: keep_partitions(storage.database, _now())),
    ]


def _now() -> int:
    return time.time_ns() // 1000
