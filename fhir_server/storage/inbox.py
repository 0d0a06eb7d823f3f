"""The inbox in the database: messages in, duplicates told, the next one to file, and what became of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError

from fhir_server.storage.tables.inbox import filing_queue, inbox, inbox_key, message_resource
from fhir_server.storage.unit_of_work import StoredVersion

RECEIVED, FILED, FILED_WITH_WARNINGS = "received", "filed", "filed-with-warnings"
QUARANTINED, IGNORED = "quarantined", "ignored"


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it came in. `feed` is "" for an unregistered sender; `warnings` is JSON."""

    message_id: str
    received_at: int
    feed: str
    peer: str
    control_id: str
    message_type: str
    raw: bytes
    sha256: bytes
    warnings: str = "[]"
    state: str = RECEIVED
    reason: str = ""
    reason_text: str = ""
    attempts: int = 0
    filed_at: int | None = None


@dataclass(frozen=True)
class Lanes:
    """Where a message queues: its patient's lane, and the other patient's when it is a merge."""

    lane: str
    other_lane: str = ""


def new_message_id(received_at: int) -> str:
    """A UUID (version 7, RFC 9562, method 3) that begins with the time to the microsecond: ids sort by it."""
    number = (received_at // 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xFFFF << 64) | 7 << 76 | (received_at % 1000 * 4096 // 1000) << 64
    number = number & ~(0x3 << 62) | 2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def find_duplicate(connection: Connection, feed: str, control_id: str, sha256: bytes) -> str | None:
    """The id of the message that this one repeats."""
    key = inbox_key.c
    statement = select(key.message_id).where(key.feed == feed, key.control_id == control_id, key.sha256 == sha256)
    return connection.execute(statement).scalar_one_or_none()


def is_control_id_used(connection: Connection, feed: str, control_id: str) -> bool:
    """Whether the feed has used this control id before, for whatever content."""
    key = inbox_key.c
    statement = select(key.message_id).where(key.feed == feed, key.control_id == control_id).limit(1)
    return connection.execute(statement).first() is not None


def keep(connection: Connection, message: ReceivedMessage, lanes: Lanes, reuse_warning: str) -> str:
    """Keep the message unless it repeats another; the id of the one that is kept.

    A control id that stood on other content before gets `reuse_warning` (senders reset their counters).
    """
    duplicate = find_duplicate(connection, message.feed, message.control_id, message.sha256)
    if duplicate is not None:
        return duplicate
    if message.control_id and is_control_id_used(connection, message.feed, message.control_id):
        message = replace(message, warnings=reuse_warning)
    return add_message(connection, message, lanes)


def add_message(connection: Connection, message: ReceivedMessage, lanes: Lanes) -> str:
    """Keep the message and queue it for filing; the id of the one it repeats when another was quicker."""
    key = {
        "feed": message.feed, "control_id": message.control_id, "sha256": message.sha256,
        "message_id": message.message_id, "received_at": message.received_at,
    }  # fmt: skip
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(inbox_key).values(key).on_conflict_do_nothing().returning(inbox_key.c.message_id)
    if connection.execute(statement).first() is None:
        return find_duplicate(connection, message.feed, message.control_id, message.sha256) or message.message_id
    connection.execute(insert(inbox), vars(message))
    if message.state == RECEIVED:
        queue(connection, message.message_id, message.received_at, lanes)
    return message.message_id


def queue(connection: Connection, message_id: str, received_at: int, lanes: Lanes) -> None:
    """Put a message in its lanes."""
    connection.execute(
        insert(filing_queue),
        {"message_id": message_id, "received_at": received_at, "not_before": 0, "attempts": 0, **vars(lanes)},
    )


def claim_next(connection: Connection, now: int) -> tuple[ReceivedMessage, int] | None:
    """The first message that heads its lanes and is due, with the attempts made before; None when there is none.

    It is nobody else's until the transaction ends: a process that dies gives it back. The front of the queue is looked
    at first, and more of it only when every message there waits for another.
    """
    for window in _WINDOWS:
        claimed = connection.execute(_CLAIM, {"now": now, "window": window}).one_or_none()
        if claimed is not None:
            return get_message(connection, claimed.message_id, claimed.received_at), claimed.attempts
    return None


_WINDOWS = (40, 2000)


def _claim_statement() -> Any:
    ordered = select(filing_queue).order_by(filing_queue.c.received_at, filing_queue.c.message_id)
    # A limit keeps the planner from judging the whole queue.
    front = ordered.limit(bindparam("window")).subquery("front")
    earlier = filing_queue.alias("earlier")
    mine, theirs = front.c, earlier.c
    before = or_(
        theirs.received_at < mine.received_at,
        and_(theirs.received_at == mine.received_at, theirs.message_id < mine.message_id),
    )
    shares = [
        exists(select(literal(1)).select_from(earlier).where(before, condition))
        for condition in (
            theirs.lane == mine.lane,
            theirs.other_lane == mine.lane,
            and_(mine.other_lane != "", theirs.lane == mine.other_lane),
            and_(mine.other_lane != "", theirs.other_lane == mine.other_lane),
        )
    ]
    queued = filing_queue.c
    return (
        select(queued.message_id, queued.received_at, queued.attempts)
        .join_from(front, filing_queue, mine.message_id == queued.message_id)
        .where(mine.not_before <= bindparam("now"), ~or_(*shares))
        .order_by(mine.received_at, mine.message_id)
        .limit(1)
        .with_for_update(skip_locked=True, of=filing_queue)
    )


_CLAIM = _claim_statement()
_GET = select(*[inbox.c[f] for f in ReceivedMessage.__dataclass_fields__]).where(
    inbox.c.message_id == bindparam("message_id"), inbox.c.received_at == bindparam("received_at")
)


def _message(values: Sequence[Any]) -> ReceivedMessage:
    found = dict(zip(ReceivedMessage.__dataclass_fields__, values, strict=True))
    return ReceivedMessage(**found | {"raw": bytes(found["raw"]), "sha256": bytes(found["sha256"])})


def get_message(connection: Connection, message_id: str, received_at: int | None = None) -> ReceivedMessage:
    """The message with this id, which must exist; `received_at` finds its partition."""
    if received_at is not None:
        return _message(connection.execute(_GET, {"message_id": message_id, "received_at": received_at}).one())
    statement = select(*[inbox.c[f] for f in ReceivedMessage.__dataclass_fields__])
    return _message(connection.execute(statement.where(inbox.c.message_id == message_id)).one())


def settle(
    connection: Connection,
    message: ReceivedMessage,
    state: str,
    reason: str = "",
    reason_text: str = "",
    warnings: str = "[]",
) -> None:
    """Say what became of the message and take it off the queue."""
    values = {
        "state": state, "reason": reason, "reason_text": reason_text, "warnings": warnings, "feed": message.feed,
        "attempts": inbox.c.attempts + 1, "filed_at": time.time_ns() // 1000,
    }  # fmt: skip
    connection.execute(
        update(inbox)
        .where(inbox.c.message_id == message.message_id, inbox.c.received_at == message.received_at)
        .values(values)
    )
    connection.execute(delete(filing_queue).where(filing_queue.c.message_id == message.message_id))


def postpone(connection: Connection, message_id: str, not_before: int) -> None:
    """Try the message again, not before the given time."""
    statement = update(filing_queue).where(filing_queue.c.message_id == message_id)
    connection.execute(statement.values(not_before=not_before, attempts=filing_queue.c.attempts + 1))


def has_due(connection: Connection, now: int) -> bool:
    """Whether anything waits to be filed."""
    return connection.execute(select(literal(1)).where(filing_queue.c.not_before <= now).limit(1)).first() is not None


def queue_length(connection: Connection) -> tuple[int, int | None]:
    """How many messages wait, and since when the oldest (microseconds UTC)."""
    row = connection.execute(select(func.count(), func.min(filing_queue.c.received_at))).one()
    return int(row[0]), row[1]


def find_messages(
    connection: Connection,
    *,
    feed: str | None = None,
    state: str | None = None,
    reason: str | None = None,
    since: int | None = None,
    limit: int = 1000,
) -> list[tuple[str, int]]:
    """(message id, time received) of the messages that match, oldest first."""
    statement = select(inbox.c.message_id, inbox.c.received_at)
    for column, value in ((inbox.c.feed, feed), (inbox.c.state, state), (inbox.c.reason, reason)):
        if value is not None:
            statement = statement.where(column == value)
    if since is not None:
        statement = statement.where(inbox.c.received_at >= since)
    statement = statement.order_by(inbox.c.received_at, inbox.c.message_id).limit(limit)
    return [(row.message_id, row.received_at) for row in connection.execute(statement)]


def put_back(connection: Connection, message: ReceivedMessage, lanes: Lanes) -> bool:
    """Queue a settled message again; False when it is waiting already."""
    waiting = select(literal(1)).where(filing_queue.c.message_id == message.message_id)
    if connection.execute(waiting).first() is not None:
        return False
    where = and_(inbox.c.message_id == message.message_id, inbox.c.received_at == message.received_at)
    connection.execute(update(inbox).where(where).values(state=RECEIVED, reason="", reason_text=""))
    queue(connection, message.message_id, message.received_at, lanes)
    return True


def put_back_all(connection: Connection, message_ids: Sequence[str], lanes_of: Callable[[bytes, str], Lanes]) -> int:
    """Queue settled messages again; how many were not waiting already. `lanes_of` tells lanes from bytes and feed."""
    messages = [get_message(connection, message_id) for message_id in message_ids]
    return sum(put_back(connection, m, lanes_of(m.raw, m.feed)) for m in messages)


def link_versions(connection: Connection, message_id: str, versions: Sequence[StoredVersion]) -> None:
    """Remember which versions the message made."""
    rows = [
        {
            "message_id": message_id, "resource_type": v.resource_type, "resource_id": v.resource_id,
            "version_id": v.version_id,
        }
        for v in versions
    ]  # fmt: skip
    if rows:
        connection.execute(insert(message_resource), rows)


@dataclass(frozen=True)
class FeedActivity:
    """What a feeds page shows: the last message's time, how many wait, how many are quarantined."""

    feed: str
    last_received_at: int | None
    waiting: int
    oldest_waiting_at: int | None
    quarantined: int


def feed_activity(connection: Connection) -> list[FeedActivity]:
    """Each feed that ever sent something ("" stands for unregistered senders)."""
    last = {
        row.feed: row.last
        for row in connection.execute(
            select(inbox.c.feed, func.max(inbox.c.received_at).label("last")).group_by(inbox.c.feed)
        )
    }
    counts: dict[tuple[str, str], tuple[int, int | None]] = {}
    states = select(inbox.c.feed, inbox.c.state, func.count().label("n"), func.min(inbox.c.received_at).label("oldest"))
    states = states.where(inbox.c.state.in_([RECEIVED, QUARANTINED])).group_by(inbox.c.feed, inbox.c.state)
    for row in connection.execute(states):
        counts[row.feed, row.state] = (row.n, row.oldest)
    return [
        FeedActivity(
            name, last[name], *counts.get((name, RECEIVED), (0, None)), counts.get((name, QUARANTINED), (0, None))[0]
        )
        for name in sorted(last)
    ]


def savepoint(connection: Connection) -> None:
    """Mark a place that the transaction can go back to."""
    connection.exec_driver_sql("SAVEPOINT filing")


def back_to_savepoint(connection: Connection) -> None:
    """Undo what happened since the savepoint."""
    connection.exec_driver_sql("ROLLBACK TO SAVEPOINT filing")


def is_passing(error: BaseException) -> bool:
    """Whether the database may do the same without complaint next time; its other errors are about the data."""
    return isinstance(error, DBAPIError) and not isinstance(error, DataError | ProgrammingError | NotSupportedError)
