"""Probe each archive and remember what it found, so that a page can say whether images open now, or why not."""

from __future__ import annotations

import time

from fhir_server import metrics
from fhir_server.errors import RecordError
from fhir_server.imaging.ports import Archive, EndpointHealth, HarvestStore, phase_of

OK = "ok"


def probe_once(archive: Archive, store: HarvestStore, budget: float = 2.0) -> EndpointHealth:
    """Ask the archive a real question within `budget` seconds and save what became of it."""
    endpoint_id = archive.endpoint.endpoint_id
    before = store.health().get(endpoint_id)
    health = _ask(archive, budget)
    if before is not None and before.reachable == health.reachable:
        failures = 0 if health.reachable else before.failures + 1
        health = _since(health, before.since, failures)
    store.save_health(health)
    metrics.observe_pacs(archive.endpoint.name, health.phase, health.latency_ms / 1000 if health.reachable else None)
    return health


def _ask(archive: Archive, budget: float) -> EndpointHealth:
    started = time.monotonic()
    phase = OK
    try:
        archive.probe(budget)
    except RecordError as error:
        phase = phase_of(error)
    latency_ms = int((time.monotonic() - started) * 1000)
    now = time.time_ns() // 1000
    reachable = phase == OK
    return EndpointHealth(archive.endpoint.endpoint_id, reachable, phase, latency_ms, now, now, 0 if reachable else 1)


def _since(health: EndpointHealth, since: int, failures: int) -> EndpointHealth:
    return EndpointHealth(
        health.endpoint_id, health.reachable, health.phase, health.latency_ms, health.checked_at, since, failures
    )
