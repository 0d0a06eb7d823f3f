"""The metrics of the record: a small, declared set, summed over all processes of one `serve` (Prometheus text format).

Labels take values from closed lists (route names, feeds, job kinds), never from a request or a message.
prometheus-client reads PROMETHEUS_MULTIPROC_DIR when it is imported, hence `serve` sets it for its children.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0)

_requests = Counter("imaging_record_http_requests", "Requests answered.", ["route", "status"])
_request_seconds = Histogram(
    "imaging_record_http_request_seconds", "Time to the whole answer.", ["route"], buckets=_FAST
)
_messages = Counter("imaging_record_feed_messages", "HL7 v2 messages by what became of them.", ["feed", "outcome"])
_filing_seconds = Histogram(
    "imaging_record_feed_filing_seconds", "From the acknowledgement to the filed record.", ["feed"], buckets=_SLOW
)
_quarantined = Gauge(
    "imaging_record_quarantined_messages", "Messages that wait in quarantine.", ["feed"], multiprocess_mode="mostrecent"
)
_pacs = Counter("imaging_record_pacs_requests", "Requests to a PACS by outcome.", ["endpoint", "outcome"])
_pacs_seconds = Histogram(
    "imaging_record_pacs_first_byte_seconds", "Time to the first byte of a PACS.", ["endpoint"], buckets=_SLOW
)
_jobs = Counter("imaging_record_jobs", "Background jobs by outcome.", ["job", "outcome"])
_job_seconds = Histogram("imaging_record_job_seconds", "Duration of background jobs.", ["job"], buckets=_SLOW)
_spool = Gauge(
    "imaging_record_disclosure_spool_bytes", "Disclosures that wait to be filed.", multiprocess_mode="mostrecent"
)


@cache
def _request_children(route: str, status: int) -> tuple[Counter, Histogram]:
    """Finding a child by its labels costs more than counting; routes and statuses are few."""
    return _requests.labels(route, str(status)), _request_seconds.labels(route)


def observe_request(route: str, status: int, seconds: float) -> None:
    """One HTTP answer; `route` is the name of the route, never the path."""
    count, timer = _request_children(route, status)
    count.inc()
    timer.observe(seconds)


def count_message(feed: str, outcome: str) -> None:
    """One HL7 v2 message that was filed, quarantined, duplicate or refused."""
    _messages.labels(feed, outcome).inc()


def observe_filing(feed: str, seconds: float) -> None:
    """Time from the acknowledgement of a message to its commit as resources."""
    _filing_seconds.labels(feed).observe(seconds)


def set_quarantined(feed: str, count: int) -> None:
    """How many messages of a feed wait in quarantine."""
    _quarantined.labels(feed).set(count)


def observe_pacs(endpoint: str, outcome: str, seconds: float | None = None) -> None:
    """One request to a PACS: `ok`, or the phase in which it failed; `seconds` to the first byte, if one came."""
    _pacs.labels(endpoint, outcome).inc()
    if seconds is not None:
        _pacs_seconds.labels(endpoint).observe(seconds)


def observe_job(job: str, outcome: str, seconds: float) -> None:
    """One run of a background job: `done`, `retry` or `failed`."""
    _jobs.labels(job, outcome).inc()
    _job_seconds.labels(job).observe(seconds)


def set_spool_bytes(size: int) -> None:
    """Bytes of disclosures not yet filed."""
    _spool.set(size)


def render() -> bytes:
    """The text that `GET /metrics` answers with, added up over all processes that share the directory."""
    if DIRECTORY_VARIABLE not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def clean(directory: Path) -> None:
    """Empty the shared directory; counters start again with `serve`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)


def reference_page() -> str:
    """The page docs/reference/metrics.md, made from the declarations above."""
    described = (_requests, _request_seconds, _messages, _filing_seconds, _quarantined, _pacs, _pacs_seconds)
    rows = []
    for metric in (*described, _jobs, _job_seconds, _spool):
        (family,) = metric.describe()
        labels = ", ".join(metric._labelnames) or "(none)"
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {family.type} | {family.documentation} | {labels} |")
    return "\n".join([_REFERENCE_HEAD, *rows, ""])


_REFERENCE_HEAD = """\
# Metrics

`GET /metrics` answers with these, added up over all processes of one `serve`, in the text format of Prometheus. They
start at zero with each `serve`. Labels come from closed lists; no label is a person, an address or an identifier.

This page is written by `imaging-record reference`.

| metric | type | meaning | labels |
|---|---|---|---|"""
