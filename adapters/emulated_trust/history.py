"""Sending the region's story so far: every trust over its own connection at once, each in the order of events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from adapters.emulated_trust.mllp_client import Stopped
from adapters.emulated_trust.region import Region
from adapters.emulated_trust.study import StudyPlan
from adapters.emulated_trust.systems import TrustSystems
from adapters.emulated_trust.trusts import Trust

Progress = Callable[[int, int], None]
"""Told after each message or pushed study: how many are done, of how many."""


@dataclass
class _Count:
    total: int
    progress: Progress
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self) -> None:
        with self.lock:
            self.done += 1
            self.progress(self.done, self.total)


def load_history(
    region: Region,
    systems: Mapping[str, TrustSystems],
    progress: Progress = lambda done, total: None,
    stop: threading.Event | None = None,
) -> int:
    """Send everything that was said, then the studies of PACSs without DICOMweb; returns how many things were sent.

    Returns early, without an error, once `stop` is set.
    """
    stop = stop or threading.Event()
    total = sum(len(region.messages(trust)) + len(_pushed(region, trust)) for trust in region.trusts)
    count = _Count(total, progress)
    with ThreadPoolExecutor(len(region.trusts), "history") as pool:
        futures = [pool.submit(_load_trust, region, systems[trust.ods], count, stop) for trust in region.trusts]
    for future in futures:
        future.result()
    return count.done


def _load_trust(region: Region, system: TrustSystems, count: _Count, stop: threading.Event) -> None:
    try:
        for message in region.messages(system.trust):
            if stop.is_set():
                return
            system.send(message)
            count.step()
    except Stopped:
        return
    for plan in _pushed(region, system.trust):
        if not stop.is_set() and system.forward(plan, stop):
            count.step()


def _pushed(region: Region, trust: Trust) -> list[StudyPlan]:
    return region.studies(trust) if trust.archive == "dimse" else []
