"""The pipeline: each received message is read, mapped, linked, composed and stored in one transaction.

The queue row goes in the same transaction, so a process that is killed leaves a message either filed or waiting. What
cannot be filed is quarantined with a reason; only a database that is out of order makes a message wait and be tried
again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fhir_server import metrics
from fhir_server.errors import RecordError
from fhir_server.identity.merges import MergeRefused
from fhir_server.ingest.mismatch import mismatches
from fhir_server.ingest.provenance import store_provenance
from fhir_server.ingest.receive import UNKNOWN_SENDER, stranger_reason, stranger_text
from fhir_server.ingest.recording import record
from fhir_server.ingest.services import IngestServices
from fhir_server.ingest.site_profiles import load_profile
from fhir_server.ingest.statements import Source
from fhir_server.storage import feeds, inbox
from fhir_server.storage.inbox import ReceivedMessage
from fhir_server.storage.unit_of_work import UnitOfWork
from hl7.fragments import MappedMessage, Unmappable, Warning
from hl7.message import peek_header
from hl7.messages import map_payload

logger = logging.getLogger(__name__)

_ATTEMPTS_MAX = 20
_BACK_OFF_MAX_S = 300
_BUSY_WAIT_S, _IDLE_WAIT_S, _OUTAGE_WAIT_S = 0.05, 0.25, 5.0
#: Some hundred exams: more in one message would keep the others waiting for their acknowledgement.
_FRAGMENTS_MAX = 2000
_TRANSACTION_S = 0.05  # after which no further message joins it: acknowledgements wait for its commit on SQLite
_IGNORED_TYPES = frozenset({"ACK"})


@dataclass(frozen=True)
class Outcome:
    """What became of a message. `warnings` are {location, code, text}."""

    state: str
    reason: str = ""
    text: str = ""
    warnings: tuple[dict[str, Any], ...] = ()


class _Filing:
    """One transaction's messages: `last` is the one at hand, `settled` what came of those before and of it."""

    def __init__(self) -> None:
        self.settled: list[tuple[ReceivedMessage, Outcome]] = []
        self.last: ReceivedMessage | None = None
        self.attempts = 0

    def run(self, uow: UnitOfWork, limit: int) -> int:
        """File up to `limit` messages, or for as long as other writers may wait; how many were settled."""
        self.settled.clear()  # the transaction may be tried again
        enough = time.monotonic() + _TRANSACTION_S
        for count in range(limit):
            if count and time.monotonic() > enough:
                return count
            claimed = inbox.claim_next(uow.connection, uow.now)
            if claimed is None:
                return count
            self.last, self.attempts = claimed
            self._settle(uow, self.last)
        return limit

    def _settle(self, uow: UnitOfWork, message: ReceivedMessage) -> None:
        inbox.savepoint(uow.connection)
        try:
            message, outcome = _file(uow, message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is not lost and the loop goes on
            if inbox.is_passing(error) or (isinstance(error, RecordError) and error.retry):
                raise
            inbox.back_to_savepoint(uow.connection)
            outcome = _quarantine(error)
        self.settled.append((message, outcome))
        warnings = json.dumps([*_warnings_at_receipt(message), *outcome.warnings])
        inbox.settle(uow.connection, message, outcome.state, outcome.reason, outcome.text, warnings)


def _warnings_at_receipt(message: ReceivedMessage) -> list[dict[str, Any]]:
    return [w for w in json.loads(message.warnings) if w.get("code") == "control-id-reused"]


def _quarantine(error: Exception) -> Outcome:
    """The reason and a sentence without patient data."""
    if isinstance(error, Unmappable):
        where = ({"location": error.location, "code": error.code, "text": str(error)},) if error.location else ()
        return Outcome(inbox.QUARANTINED, error.code, str(error), where)
    if isinstance(error, MergeRefused):
        return Outcome(inbox.QUARANTINED, error.reason, str(error))
    if isinstance(error, RecordError):
        places = tuple({"location": i.expression or "", "code": i.code, "text": i.text} for i in error.issues)
        return Outcome(inbox.QUARANTINED, "invalid-resource", "A resource made of it would break a rule.", places)
    logger.error("filing failed", extra={"problem": type(error).__name__, "place": _place(error)})
    return Outcome(inbox.QUARANTINED, "internal-error", f"The intake failed ({type(error).__name__}).")


def _place(error: Exception) -> str:
    """Where in the code it happened; the error's own text may quote the message."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""


def _file(uow: UnitOfWork, message: ReceivedMessage) -> tuple[ReceivedMessage, Outcome]:
    header = peek_header(message.raw)
    if header.message_type in _IGNORED_TYPES:
        return message, Outcome(inbox.IGNORED, "acknowledgement", "An acknowledgement says nothing to file.")
    feed = feeds.get_feed(uow.connection, message.feed) if message.feed else None
    feed = feed or feeds.find_feed(uow.connection, header.sending_application, header.sending_facility)
    reason = stranger_reason(feed, message.peer)
    if feed is None or reason:
        return message, Outcome(inbox.QUARANTINED, reason, stranger_text(reason))
    message = replace(message, feed=feed.name)
    profile = load_profile(feed.profile, feed.trust, production=feed.production)
    mapped = map_payload(message.raw, profile)
    if len(mapped.fragments) > _FRAGMENTS_MAX:
        raise Unmappable("too-many-exams", f"the message would make more than {_FRAGMENTS_MAX} resources")
    source = Source(feed.name, profile.issuer, feed.trust, mapped.message_time, message.message_id, mapped.control_id)
    versions = record(uow, mapped.fragments, mapped.identity_events, source, again=message.attempts > 0)
    inbox.link_versions(uow.connection, message.message_id, versions)
    store_provenance(
        uow,
        versions,
        message_id=message.message_id,
        message_type=mapped.message_type,
        message_time=mapped.message_time,
        custodian=feeds.custodian_of(uow.connection, feed.trust),
        profile=f"{profile.name} {profile.version}",
    )
    return message, _filed(mapped, message, mismatches(uow, mapped, source))


def _filed(mapped: MappedMessage, message: ReceivedMessage, alarms: Sequence[Warning]) -> Outcome:
    warnings = tuple(asdict(warning) for warning in (*mapped.warnings, *alarms))
    odd = warnings or _warnings_at_receipt(message)
    return Outcome(inbox.FILED_WITH_WARNINGS if odd else inbox.FILED, warnings=warnings)


def file_pending(services: IngestServices, limit: int = 1000) -> int:
    """File what waits, up to `limit` messages, in this thread; how many were settled."""
    settled = 0
    while settled < limit:
        count = _file_batch(services, min(services.batch_size, limit - settled))
        if not count:
            break
        settled += count
    return settled


def _file_batch(services: IngestServices, limit: int) -> int | None:
    """One transaction; how many it settled. None: the database is out of order, and the message at hand waits longer
    each time."""
    filing = _Filing()
    storage = services.storage
    try:
        count = storage.database.write(lambda connection: filing.run(storage.unit_of_work(connection), limit))
    except Exception as error:  # noqa: BLE001 - an outage must not end the loop
        logger.warning("filing postponed", extra={"problem": type(error).__name__})
        if filing.last is not None:
            _postpone(services, filing.last, filing.attempts)
        return None
    for message, outcome in filing.settled:
        _account(message, outcome)
    return count


def _account(message: ReceivedMessage, outcome: Outcome) -> None:
    """Count and log what became of a message, once it is committed."""
    feed = message.feed or UNKNOWN_SENDER
    metrics.count_message(feed, outcome.state)
    metrics.observe_filing(feed, max(0.0, time.time() - message.received_at / 1_000_000))
    if outcome.state == inbox.QUARANTINED:
        logger.warning("message quarantined", extra={"message_id": message.message_id, "reason": outcome.reason})


def _postpone(services: IngestServices, message: ReceivedMessage, attempts: int) -> None:
    wait = min(2**attempts, _BACK_OFF_MAX_S)
    not_before = time.time_ns() // 1000 + wait * 1_000_000

    def put_off(connection: Any) -> None:
        if attempts + 1 < _ATTEMPTS_MAX:
            inbox.postpone(connection, message.message_id, not_before)
        else:
            text = "The database kept refusing this message."
            inbox.settle(connection, message, inbox.QUARANTINED, "database", text)

    try:
        services.storage.database.write(put_off)
    except Exception as error:  # noqa: BLE001 - still out of order: the message keeps its place
        logger.warning("filing not postponed", extra={"problem": type(error).__name__})


def run_filing(services: IngestServices, stop: threading.Event) -> None:
    """File messages as they come until `stop` is set; returns when the last transaction has ended."""
    workers = [
        threading.Thread(target=_work, args=(services, stop), name=f"filing-{number}", daemon=True)
        for number in range(services.worker_count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _work(services: IngestServices, stop: threading.Event) -> None:
    wait = _IDLE_WAIT_S
    while not stop.is_set():
        settled = _file_batch(services, services.batch_size)
        if settled:
            wait = _BUSY_WAIT_S
            continue
        stop.wait(wait)
        wait = min(wait * 2, _OUTAGE_WAIT_S if settled is None else _IDLE_WAIT_S)
