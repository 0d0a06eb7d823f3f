"""`kill -9` of any process of the record under load: what was acknowledged is there afterwards, and nothing twice."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fhir_server.wiring import archive_issuers
from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.ledger import Verdict, percentile
from tests.journeys.senders import REST_SYSTEM, Epr, Modality, Ris, Worker, accession_of, encoded, without_meta
from tests.journeys.served import ServedRecord, eventually

pytestmark = pytest.mark.timeout(600)
logger = logging.getLogger(__name__)
CHILDREN = ("web-1", "web-2", "feeds", "jobs", "dicom")
#: The parts that hold what was acknowledged are killed twice.
VICTIMS = (*CHILDREN, "feeds", "web-1")


@dataclass
class Load:
    """Everybody who sends at the same time."""

    feeds: list[Ris]
    eprs: list[Epr]
    modalities: list[Modality]

    @property
    def workers(self) -> list[Worker]:
        return [*self.feeds, *self.eprs, *self.modalities]

    @classmethod
    def on(cls, record: ServedRecord, client: FhirClient) -> Load:
        feeds = [Ris(record, trust, first) for trust, first in (("RX1", 0), ("RX1", 500_000), ("RWE", 0))]
        modalities = [Modality(record, f"{trust}PACS", trust) for trust in region.TRUSTS]
        return cls(feeds, [Epr(f"epr{number}", client.twin()) for number in range(2)], modalities)

    def run(self, trouble: Iterator[None]) -> None:
        """Send while the trouble lasts, then let everybody end what they are at."""
        for worker in self.workers:
            worker.start()
        for _ in trouble:
            broken = [worker.error for worker in self.workers if worker.error]
            assert not broken, broken
        for worker in self.workers:
            worker.stopping.set()
        for worker in self.workers:
            worker.finish()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[ServedRecord]:
    with ServedRecord(tmp_path_factory.mktemp("served"), database_url) as running:
        region.register(running.start())
        yield running


@pytest.fixture(scope="module")
def client(record: ServedRecord) -> FhirClient:
    return FhirClient.register(record)


@pytest.fixture(scope="module")
def load(record: ServedRecord, client: FhirClient) -> Load:
    """What was sent while every child was killed, at random moments."""
    sent = Load.on(record, client)
    sent.run(_kills(record))
    region.wait_until_filed(record)
    eventually(record.is_ready, "the record is ready again")
    for feed in sent.feeds:
        logger.info("%s: %d acknowledged", feed.ledger.name, len(feed.ledger.acknowledged))
    seconds = [s for feed in sent.feeds for s in feed.ledger.seconds]
    logger.info("ACK under kills p50 %.0f ms p99 %.0f ms", *(1000 * percentile(seconds, p) for p in (0.5, 0.99)))
    return sent


def _kills(record: ServedRecord) -> Iterator[None]:
    chosen = random.Random(7)
    time.sleep(1.0)
    for victim in chosen.sample(VICTIMS, len(VICTIMS)):
        before = record.pids()[victim]
        record.kill(victim)
        eventually(lambda v=victim, b=before: record.pids()[v] != b, f"{victim} is started again", timeout_s=15)
        yield
        eventually(record.is_serving, "every door is open again")
        time.sleep(chosen.uniform(0.2, 1.2))


def test_every_acknowledged_message_is_settled_once(load: Load, record: ServedRecord):
    settled = region.settled_messages(record)
    for feed in load.feeds:
        feed.ledger.audit(settled).require_good(at_least=8)
    assert not [state for state in region.message_states(record) if state[0] == "quarantined"]


def test_every_exam_of_the_feeds_is_there_once(load: Load, client: FhirClient):
    """By business identifiers, through the API: an order and a report for each exam, a person for each number."""
    for trust in region.TRUSTS:
        finished = [number for feed in load.feeds if feed.trust == trust for number in feed.finished]
        people, accessions = archive_issuers(trust)
        for resource_type in ("ServiceRequest", "ImagingStudy", "DiagnosticReport"):
            wanted = {accession_of(trust, number) for number in finished}
            _require_once(wanted, region.identifiers(client, resource_type, accessions), resource_type)
        mrns = {f"M{number:06d}" for number in finished}
        _require_once(mrns, region.identifiers(client, "Patient", people), "Patient")


def _require_once(wanted: set[str], found: list[str], what: str) -> None:
    assert wanted
    assert sorted(v for v in found if v in wanted) == sorted(wanted), what


def test_every_acknowledged_transaction_is_there_once_and_whole(load: Load, client: FhirClient):
    people = region.identifiers(client, "Patient", REST_SYSTEM)
    findings = region.identifiers(client, "Observation", REST_SYSTEM)
    assert sorted(people) == sorted(findings), "a part of a transaction is visible without the other"
    for epr in load.eprs:
        epr.transactions.audit(people).require_good()


def test_every_acknowledged_create_is_there_once(load: Load, client: FhirClient):
    made = region.identifiers(client, "Basic", REST_SYSTEM)
    for epr in load.eprs:
        epr.creates.audit(made).require_good()


def test_every_stored_object_comes_back_byte_for_byte(load: Load, client: FhirClient):
    for modality in load.modalities:
        eventually(lambda m=modality: _is_recorded(client, m), "the last study is recorded")
        intact = [uid for uid in modality.ledger.acknowledged if _fetch(client, modality, str(uid))]
        verdict: Verdict = modality.ledger.audit(intact)
        verdict.require_good(at_least=3)


def _is_recorded(client: FhirClient, modality: Modality) -> bool:
    stored = [image for uid, image in modality.sent.items() if uid in modality.ledger.acknowledged]
    wanted = {f"urn:oid:{image.StudyInstanceUID}" for image in stored}
    return wanted <= set(region.identifiers(client, "ImagingStudy", "urn:dicom:uid"))


def _fetch(client: FhirClient, modality: Modality, uid: str) -> bool:
    image = modality.sent[uid]
    path = f"studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}/instances/{uid}"
    answer = client.request("GET", f"/dicomweb/{path}", headers={"Accept": "application/dicom"})
    assert answer.status_code == 200, answer.text[:300]
    return without_meta(answer.content) == encoded(image)


def test_every_answered_read_is_in_the_audit_trail(load: Load, client: FhirClient, record: ServedRecord):
    answered = [read for epr in load.eprs for read in epr.answered.reads]
    assert answered
    eventually(
        lambda: set(answered) <= set(region.disclosed_reads(record, client.client_id)), "reads are accounted for"
    )


def test_nothing_failed_in_a_way_that_was_not_foreseen(load: Load, record: ServedRecord):
    assert not record.events("child-failed")
    assert not record.events("web.failed")
    died = {event["child"] for event in record.events("child-died")}
    assert died == set(CHILDREN)
    assert {event["exit_code"] for event in record.events("child-died")} == {-9}
