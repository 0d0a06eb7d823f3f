"""The background work of imaging: one thread per archive for harvest, one for probes, one for received studies.

An archive that hangs holds up its own thread alone. `run` returns when `stop` is set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fhir_server.imaging.harvest import Harvester
from fhir_server.imaging.ports import Archive, ArchiveDirectory, HarvestStore
from fhir_server.imaging.probe import probe_once
from fhir_server.imaging.received import ReceivedStudies

logger = logging.getLogger(__name__)

_LOOK_FOR_ARCHIVES_S = 5.0
_QUIET_CHECK_S = 1.0
_RETRY_S = 2.0  # doubled after each look that failed, up to the harvest interval


@dataclass(frozen=True)
class WorkPlan:
    """Intervals in seconds (settings `harvest_*`, `probe_interval_s`); `quiet_s` after a study's last object."""

    harvest_interval_s: float = 60.0
    sweep_interval_s: float = 86400.0
    sweep_days: int = 30
    probe_interval_s: float = 10.0
    probe_budget_s: float = 2.0
    quiet_s: float = 5.0


class ImagingWork:
    """Everything that imaging does unasked. `received` is None where there is no image store."""

    def __init__(
        self,
        directory: ArchiveDirectory,
        store: HarvestStore,
        harvester: Harvester,
        received: ReceivedStudies | None,
        plan: WorkPlan | None = None,
    ) -> None:
        self._directory, self._store = directory, store
        self._harvester, self._received = harvester, received
        self._plan = plan or WorkPlan()
        self._threads: dict[str, threading.Thread] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Archives registered meanwhile are taken up within seconds."""
        self._start("probe", lambda: self._probe_all(stop))
        if self._received is not None:
            file_quiet, quiet_s = self._received.file_quiet, self._plan.quiet_s
            self._start("received", lambda: _every(stop, _QUIET_CHECK_S, lambda: file_quiet(quiet_s)))
        while True:
            for archive in self._directory.all():
                self._take_up(archive.endpoint.endpoint_id, stop)
            if stop.wait(_LOOK_FOR_ARCHIVES_S):
                break
        for thread in list(self._threads.values()):
            thread.join(timeout=5)

    def _take_up(self, endpoint_id: str, stop: threading.Event) -> None:
        archive = self._directory.get(endpoint_id)
        thread = self._threads.get(endpoint_id)
        harvested = archive is not None and archive.endpoint.kind != "image-store"
        if harvested and (thread is None or not thread.is_alive()):
            self._start(endpoint_id, lambda: self._harvest(endpoint_id, stop))

    def _start(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"imaging-{name}", daemon=True)
        self._threads[name] = thread
        thread.start()

    def _harvest(self, endpoint_id: str, stop: threading.Event) -> None:
        """Look again and again; sooner after a look that failed, for an archive that comes back has news."""
        swept, delay = time.monotonic(), _RETRY_S
        while (archive := self._directory.get(endpoint_id)) is not None:
            clear = self._look(archive)
            if clear and time.monotonic() - swept > self._plan.sweep_interval_s:
                self._harvester.sweep(archive, _today(archive), self._plan.sweep_days)
                swept = time.monotonic()
            delay = self._plan.harvest_interval_s if clear else min(delay * 2, self._plan.harvest_interval_s)
            if stop.wait(delay):
                return
            delay = _RETRY_S if clear else delay

    def _look(self, archive: Archive) -> bool:
        """One look; whether it went through."""
        try:
            return not self._harvester.harvest_once(archive, _today(archive)).problem
        except Exception:
            logger.exception("background imaging work failed")
            return False

    def _probe_all(self, stop: threading.Event) -> None:
        with ThreadPoolExecutor(8, "imaging-probe") as pool:

            def look() -> None:
                list(pool.map(self._probe, self._directory.all()))

            _every(stop, self._plan.probe_interval_s, look)

    def _probe(self, archive: Archive) -> None:
        probe_once(archive, self._store, self._plan.probe_budget_s)


def _every(stop: threading.Event, interval_s: float, work: Callable[[], object]) -> None:
    """Do it now and then every `interval_s` seconds; a failure is logged and the next turn comes."""
    while True:
        try:
            work()
        except Exception:
            logger.exception("background imaging work failed")
        if stop.wait(interval_s):
            return


def _today(archive: Archive) -> date:
    return datetime.now(ZoneInfo(archive.endpoint.zone)).date()
