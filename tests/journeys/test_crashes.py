"""The database dies in the middle, or the whole record does: everybody waits and goes on, and nothing is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.senders import REST_SYSTEM, Epr, Ris
from tests.journeys.served import ServedRecord, eventually
from tests.support.postgresql import Cluster

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(600)
Serve = Callable[[str], ServedRecord]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[ServedRecord] = []

    def start(database: str) -> ServedRecord:
        running.append(ServedRecord(tmp_path, database))
        region.register(running[-1].start(web_workers=1))
        return running[-1]

    yield start
    for record in running:
        record.stop()


class Traffic:
    """Two feeds and an EPR; `require_good` is what must hold when all is over."""

    def __init__(self, record: ServedRecord) -> None:
        self._record, self._client = record, FhirClient.register(record)
        self.feeds = [Ris(record, trust, 0) for trust in region.TRUSTS]
        self.epr = Epr("epr", self._client.twin())
        for worker in (*self.feeds, self.epr):
            worker.start()

    def grow(self) -> None:
        """Return when more has been acknowledged to everybody."""
        before = [len(feed.ledger.acknowledged) for feed in self.feeds]
        written = len(self.epr.transactions.acknowledged)
        eventually(
            lambda: (
                all(len(f.ledger.acknowledged) > n + 2 for f, n in zip(self.feeds, before, strict=True))
                and len(self.epr.transactions.acknowledged) > written + 2
            ),
            "everybody is served again",
            timeout_s=120,
        )

    def require_good(self) -> None:
        for worker in (*self.feeds, self.epr):
            worker.stopping.set()
        for worker in (*self.feeds, self.epr):
            worker.finish()
        region.wait_until_filed(self._record)
        settled = region.settled_messages(self._record)
        for feed in self.feeds:
            feed.ledger.audit(settled).require_good()
            logger.info("%s: %d acknowledged, %s", feed.name, len(feed.ledger.acknowledged), dict(feed.ledger.failures))
        people = region.identifiers(self._client, "Patient", REST_SYSTEM)
        assert sorted(people) == sorted(region.identifiers(self._client, "Observation", REST_SYSTEM))
        self.epr.transactions.audit(people).require_good()
        self.epr.creates.audit(region.identifiers(self._client, "Basic", REST_SYSTEM)).require_good()
        eventually(self._is_accounted_for, "reads are accounted for")

    def _is_accounted_for(self) -> bool:
        return set(self.epr.answered.reads) <= set(region.disclosed_reads(self._record, self._client.client_id))


def test_crash_of_postgresql_loses_and_doubles_nothing(serve: Serve, postgresql_url: str, postgresql_cluster: Cluster):
    record = serve(postgresql_url)
    traffic = Traffic(record)
    for _ in range(2):
        traffic.grow()
        postgresql_cluster.stop("immediate")
        try:
            time.sleep(1.0)
            assert record.get("/healthz").status_code == 200, "a database that is down gets no process killed"
            assert record.get("/readyz").status_code == 503
        finally:
            postgresql_cluster.start()
        eventually(record.is_ready, "the record is ready again")
    traffic.grow()
    traffic.require_good()
    # The jobs may start anew; whoever answers callers and senders lives through it.
    assert {event["child"] for event in record.events("child-died")} <= {"jobs"}


def test_crash_of_the_whole_record_loses_and_doubles_nothing(serve: Serve, sqlite_url: str):
    record = serve(sqlite_url)
    traffic = Traffic(record)
    for _ in range(2):
        traffic.grow()
        record.crash()
        record.start(web_workers=1)
    traffic.grow()
    traffic.require_good()
