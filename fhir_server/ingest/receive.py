"""Taking a message in: its bytes are committed before the sender hears that they are (design decision 10).

HL7 v2.5.1 chapter 2.9 (acknowledgements). Refused is only what has no MSH, is too large, or is a test message on a
production feed; everything else is kept, a stranger's message in quarantine.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from fhir_server import metrics
from fhir_server.errors import RecordError
from fhir_server.ingest.lanes import lanes_of
from fhir_server.storage import feeds, inbox
from fhir_server.storage.feeds import FeedRecord
from fhir_server.storage.inbox import Lanes, ReceivedMessage
from fhir_server.storage.unit_of_work import Storage
from hl7.acknowledgement import (
    AcknowledgementError,
    acknowledgement_code,
    is_enhanced,
    make_acknowledgement,
    wants_accept_acknowledgement,
    wants_application_acknowledgement,
)
from hl7.message import Header, NoMessageHeader, peek_header

logger = logging.getLogger(__name__)

UNKNOWN_SENDER, PEER_NOT_ALLOWED, FEED_DISABLED = "unknown-sender", "peer-not-allowed", "feed-disabled"
_STRANGERS = {
    UNKNOWN_SENDER: "No feed is registered for this sending application and facility (MSH-3, MSH-4).",
    PEER_NOT_ALLOWED: "The feed does not accept messages from this address.",
    FEED_DISABLED: "The feed is switched off.",
}
_TEST_PROCESSING_IDS = frozenset({"T", "D"})
_CONTROL_ID_REUSED = json.dumps(
    [{"location": "MSH-10", "code": "control-id-reused", "text": "this control id was used before"}]
)


@dataclass(frozen=True)
class FeedConnection:
    """Where a message came from: the sender's address, and the listener that took it."""

    peer: str
    listener: str = ""


@dataclass(frozen=True)
class Receipt:
    """The acknowledgement to send (empty when the sender wants none) and the stored message ("" when refused)."""

    ack: bytes
    message_id: str = ""
    accepted: bool = True
    duplicate: bool = False


def receive(storage: Storage, raw: bytes, connection: FeedConnection) -> Receipt:
    """Take one message in. Never raises: what goes wrong is a negative acknowledgement."""
    return Receiver(storage).receive(raw, connection)


class Receiver:
    """Takes messages in for many connections at once; those that wait together share one commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._commits = _GroupCommit(storage)

    def receive(self, raw: bytes, connection: FeedConnection) -> Receipt:
        """As `receive`."""
        try:
            header = peek_header(raw)
        except NoMessageHeader:
            return _refused(Header(), "AR", "100", "no MSH segment", "MSH")
        try:
            return self._receive(raw, header, connection)
        except RecordError as error:
            logger.warning("message not stored", extra={"problem": type(error).__name__})
        except Exception as error:  # noqa: BLE001 - the sender must hear that it was not stored, and send it again
            logger.error("message not stored", extra={"problem": type(error).__name__})
        return _refused(header, "AE", "207", "the message could not be stored; send it again")

    def _receive(self, raw: bytes, header: Header, connection: FeedConnection) -> Receipt:
        with self._storage.database.read() as reading:
            feed = feeds.find_feed(reading, header.sending_application, header.sending_facility)
        processing_id = header.processing_id.split("^")[0]
        if feed is not None and feed.production and processing_id in _TEST_PROCESSING_IDS:
            metrics.count_message(feed.name, "refused")
            return _refused(header, feed.ack_policy, "202", "a test message on a production feed", "MSH-11")
        waiting = self._commits.add(_make_message(raw, header, feed, connection))
        is_duplicate = waiting.stored_id != waiting.message.message_id
        metrics.count_message(waiting.message.feed or UNKNOWN_SENDER, "duplicate" if is_duplicate else "received")
        return Receipt(acceptance(header), waiting.stored_id, duplicate=is_duplicate)


def oversize(head: bytes) -> bytes:
    """The refusal of a message that was too large to read; `head` is how it began."""
    try:
        header = peek_header(head)
    except NoMessageHeader:
        header = Header()
    return _refused(header, "AR", "207", "the message is larger than this system accepts").ack


def acceptance(header: Header) -> bytes:
    """The positive acknowledgement in the mode that the sender asked for; empty when it asked for none."""
    if is_enhanced(header) and wants_accept_acknowledgement(header, accepted=True):
        return make_acknowledgement(header, "CA")
    return make_acknowledgement(header, "AA") if wants_application_acknowledgement(header, accepted=True) else b""


def _refused(header: Header, code: str, error_code: str, text: str, location: str = "") -> Receipt:
    error, code = AcknowledgementError(location, error_code, text), acknowledgement_code(header, code)
    try:
        return Receipt(make_acknowledgement(header, code, text, [error]), accepted=False)
    except Exception as problem:  # noqa: BLE001 - whatever the header holds, the sender must not wait for ever
        logger.error("acknowledgement not made", extra={"problem": type(problem).__name__})
    plain = Header(control_id=header.control_id)
    return Receipt(make_acknowledgement(plain, code, text, [error]), accepted=False)


def stranger_reason(feed: FeedRecord | None, peer: str) -> str:
    """Why messages of this sender are not filed; "" when they are."""
    if feed is None:
        return UNKNOWN_SENDER
    if not feed.enabled:
        return FEED_DISABLED
    return "" if feed.allows(peer) else PEER_NOT_ALLOWED


def stranger_text(reason: str) -> str:
    return _STRANGERS[reason]


def _make_message(raw: bytes, header: Header, feed: FeedRecord | None, connection: FeedConnection) -> ReceivedMessage:
    now = time.time_ns() // 1000
    reason = stranger_reason(feed, connection.peer)
    return ReceivedMessage(
        message_id=inbox.new_message_id(now),
        received_at=now,
        feed=feed.name if feed else "",
        peer=connection.peer,
        control_id=header.control_id,
        message_type=header.event,
        raw=raw,
        sha256=hashlib.sha256(raw).digest(),
        state=inbox.QUARANTINED if reason else inbox.RECEIVED,
        reason=reason,
        reason_text=_STRANGERS.get(reason, ""),
    )


@dataclass
class _Waiting:
    message: ReceivedMessage
    lanes: Lanes
    stored_id: str = ""
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


class _GroupCommit:
    """Whoever finds nobody committing commits for all who wait; the others wait for it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._queue: list[_Waiting] = []
        self._queue_turn = threading.Lock()
        self._commit_turn = threading.Lock()

    def add(self, message: ReceivedMessage) -> _Waiting:
        """Returns when the message is durable; raises what kept it from being so."""
        mine = _Waiting(message, lanes_of(message.raw, message.feed))
        with self._queue_turn:
            self._queue.append(mine)
        with self._commit_turn:
            if not mine.done.is_set():
                self._commit_all()
        if mine.error is not None:
            raise mine.error
        return mine

    def _commit_all(self) -> None:
        with self._queue_turn:
            batch, self._queue = self._queue, []
        try:
            stored = self._storage.database.write(
                lambda connection: [inbox.keep(connection, w.message, w.lanes, _CONTROL_ID_REUSED) for w in batch]
            )
            for waiting, stored_id in zip(batch, stored, strict=True):
                waiting.stored_id = stored_id
        except BaseException as error:  # noqa: BLE001 - told to every sender of the batch
            for waiting in batch:
                waiting.error = error
        finally:
            _release(batch)


def _release(batch: Sequence[_Waiting]) -> None:
    for waiting in batch:
        waiting.done.set()
