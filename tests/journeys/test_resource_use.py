"""A load of exams costs no memory that stays: the second half leaves the processes no larger than the first did."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from tests.journeys import region
from tests.journeys.ledger import percentile
from tests.journeys.senders import REPORT_ONLY, Ris
from tests.journeys.served import ServedRecord

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(900)
FEEDS, EXAMS = 5, 500
GROWTH_MAX_KIB = 48 * 1024


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[ServedRecord]:
    with ServedRecord(tmp_path_factory.mktemp("served"), database_url) as running:
        region.register(running.start(web_workers=1))
        yield running


def load(record: ServedRecord, first: int, exams: int) -> list[Ris]:
    """One report for each exam over several connections; returns when all are filed."""
    trusts = tuple(region.TRUSTS)
    feeds = [Ris(record, trusts[n % len(trusts)], first + 1000 * n, exams // FEEDS, REPORT_ONLY) for n in range(FEEDS)]
    began = time.monotonic()
    for feed in feeds:
        feed.start()
    for feed in feeds:
        feed.join(600)
        assert feed.error is None
        assert not feed.is_alive()
    acknowledged_s = time.monotonic() - began
    region.wait_until_filed(record, timeout_s=300)
    _report(record, feeds, acknowledged_s, time.monotonic() - began)
    return feeds


def _report(record: ServedRecord, feeds: list[Ris], acknowledged_s: float, filed_s: float) -> None:
    seconds = list(chain.from_iterable(feed.ledger.seconds for feed in feeds))
    p50, p99 = (1000 * percentile(seconds, share) for share in (0.5, 0.99))
    kind, memory = record.database.partition(":")[0], {c: kib // 1024 for c, kib in record.memory_kib().items()}
    rates = f"{len(seconds) / acknowledged_s:.0f}/s acknowledged, {len(seconds) / filed_s:.0f}/s filed"
    logger.info("%s: %d messages, %s, ACK p50 %.0f ms, p99 %.0f ms", kind, len(seconds), rates, p50, p99)
    logger.info("%s: own memory of the processes in MiB %s", kind, memory)


def test_memory_does_not_grow_with_what_was_loaded(
    record: ServedRecord, record_property: Callable[[str, object], None]
):
    load(record, 0, EXAMS // 2)
    half = record.memory_kib()
    feeds = load(record, 100_000, EXAMS // 2)
    whole = record.memory_kib()
    record_property("resident_kib", whole)
    grown = {child: whole[child] - half[child] for child in whole if whole[child] - half[child] > GROWTH_MAX_KIB}
    assert not grown, f"KiB more than after the first half: {grown}"
    assert len(region.settled_messages(record)) == EXAMS
    assert all(len(feed.finished) == EXAMS // 2 // FEEDS for feed in feeds)
