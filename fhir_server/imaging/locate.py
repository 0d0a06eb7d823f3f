"""From a Study Instance UID to its copies, best first: whole before partial, answering before silent, near before far.

Keyed by UID, never by patient: a copy keeps the first trust's PatientID.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from fhir_server.imaging.ports import Archive, ArchiveDirectory, CopyState, EndpointHealth, HarvestStore, StudyLocation

#: A probe older than this (seconds) says nothing about now.
HEALTH_LIFETIME_S = 60.0
_BREAKER_FAILURES = 3
_BREAKER_OPEN_S = 10.0


@dataclass(frozen=True)
class Copy:
    """One copy of a study. `whole` is False when another archive is known to hold more of the study."""

    archive: Archive
    whole: bool
    answering: bool | None  # None: not known


class Breakers:
    """Archives that failed this process several times in a row are left alone for some seconds. Thread-safe."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, float] = {}

    def is_open(self, endpoint_id: str) -> bool:
        return self._open_until.get(endpoint_id, 0.0) > time.monotonic()

    def failed(self, endpoint_id: str) -> None:
        with self._turn:
            count = self._failures[endpoint_id] = self._failures.get(endpoint_id, 0) + 1
            if count >= _BREAKER_FAILURES:
                self._open_until[endpoint_id] = time.monotonic() + _BREAKER_OPEN_S

    def answered(self, endpoint_id: str) -> None:
        if endpoint_id in self._failures:
            with self._turn:
                self._failures.pop(endpoint_id, None)
                self._open_until.pop(endpoint_id, None)


class Locator:
    """Finds copies in what harvest remembers, and on a miss in the endpoints that the ImagingStudy names."""

    def __init__(self, directory: ArchiveDirectory, store: HarvestStore) -> None:
        self._directory = directory
        self._store = store
        self.breakers = Breakers()

    def copies(self, study_uid: str, named_endpoints: Iterable[str] = ()) -> list[Copy]:
        """The copies to try, in this order. `named_endpoints` are ids of the ImagingStudy's Endpoint resources."""
        ever = self._store.locations(study_uid)
        known = [c for c in ever if c.state != CopyState.MISSING]
        health = self._store.health()
        most = max((c.instance_count for c in known), default=0)
        found = [self._copy(c.endpoint_id, c.instance_count >= most, health) for c in sorted(known, key=_size)]
        listed = {c.endpoint_id for c in ever}
        found += [self._copy(e, True, health) for e in dict.fromkeys(named_endpoints) if e not in listed]
        present = [copy for copy in found if copy is not None]
        return sorted(present, key=lambda copy: _order(copy, health))

    def _copy(self, endpoint_id: str, whole: bool, health: dict[str, EndpointHealth]) -> Copy | None:
        archive = self._directory.get(endpoint_id)
        return None if archive is None else Copy(archive, whole, self._answers(endpoint_id, health))

    def _answers(self, endpoint_id: str, health: dict[str, EndpointHealth]) -> bool | None:
        if self.breakers.is_open(endpoint_id):
            return False
        return is_answering(health.get(endpoint_id))


def is_answering(health: EndpointHealth | None) -> bool | None:
    """Whether the archive answered its last probe; None when that was too long ago to tell."""
    if health is None or time.time_ns() / 1000 - health.checked_at > HEALTH_LIFETIME_S * 1_000_000:
        return None
    return health.reachable


def _size(location: StudyLocation) -> int:
    return -location.instance_count


def _order(copy: Copy, health: dict[str, EndpointHealth]) -> tuple[object, ...]:
    endpoint = copy.archive.endpoint
    state = health.get(endpoint.endpoint_id)
    near = endpoint.kind == "image-store"
    return (copy.answering is False, not copy.whole, not near, state.latency_ms if state else 0, endpoint.endpoint_id)
