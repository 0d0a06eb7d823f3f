"""How feeds are doing: when each was last heard, what waits and what is quarantined. No message content is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from fhir_server.storage.imaging_rows import CopyState
from fhir_server.storage.inbox import QUARANTINED, RECEIVED
from fhir_server.storage.tables import harvest_cursor, study_location
from fhir_server.storage.tables.feed import feed
from fhir_server.storage.tables.inbox import filing_queue, inbox


@dataclass(frozen=True)
class FeedState:
    """One feed, or the unregistered senders together (name ""). Times are microseconds since 1970 UTC."""

    name: str
    trust: str
    last_received: int | None
    today: int = 0
    waiting: int = 0
    waiting_since: int | None = None
    quarantined: int = 0


@dataclass(frozen=True)
class QuarantinedMessage:
    """What may be shown of a message that could not be filed: nothing of its content but its number and type."""

    message_id: str
    received_at: int
    feed: str
    peer: str
    control_id: str
    message_type: str
    reason: str
    reason_text: str
    attempts: int


def last_heard(connection: Connection) -> list[FeedState]:
    """Every enabled feed with its last message: one look into an index for each feed, however long the inbox is."""
    heard = select(func.max(inbox.c.received_at)).where(inbox.c.feed == feed.c.name).scalar_subquery()
    statement = select(feed.c.name, feed.c.trust, heard.label("heard")).where(feed.c.enabled.is_(True))
    return [FeedState(r.name, r.trust, r.heard) for r in connection.execute(statement.order_by(feed.c.name))]


def feed_states(connection: Connection, midnight: int) -> list[FeedState]:
    """Every enabled feed with its counts (`today` counts from `midnight`), and unregistered senders if any wrote."""
    today = _since(connection, midnight)
    waiting = _waiting(connection)
    quarantined = _quarantined(connection)
    states = [
        FeedState(f.name, f.trust, f.last_received, today.get(f.name, 0), *waiting.get(f.name, (0, None)),
                  quarantined.get(f.name, 0))
        for f in last_heard(connection)
    ]  # fmt: skip
    if today.get("") or quarantined.get(""):
        latest = connection.execute(select(func.max(inbox.c.received_at)).where(inbox.c.feed == "")).scalar_one()
        states.append(FeedState("", "", latest, today.get("", 0), *waiting.get("", (0, None)), quarantined.get("", 0)))
    return states


def _since(connection: Connection, midnight: int) -> dict[str, int]:
    statement = select(inbox.c.feed, func.count().label("n")).where(inbox.c.received_at >= midnight)
    return {row.feed: row.n for row in connection.execute(statement.group_by(inbox.c.feed))}


def _waiting(connection: Connection) -> dict[str, tuple[int, int | None]]:
    joined = filing_queue.join(
        inbox, (inbox.c.message_id == filing_queue.c.message_id) & (inbox.c.received_at == filing_queue.c.received_at)
    )
    statement = select(inbox.c.feed, func.count().label("n"), func.min(inbox.c.received_at).label("oldest"))
    rows = connection.execute(statement.select_from(joined).where(inbox.c.state == RECEIVED).group_by(inbox.c.feed))
    return {row.feed: (row.n, row.oldest) for row in rows}


def _quarantined(connection: Connection) -> dict[str, int]:
    statement = select(inbox.c.feed, func.count().label("n")).where(inbox.c.state == QUARANTINED)
    return {row.feed: row.n for row in connection.execute(statement.group_by(inbox.c.feed))}


def quarantined_messages(
    connection: Connection,
    *,
    feed_name: str | None = None,
    before: int | None = None,
    message_id: str | None = None,
    limit: int = 100,
) -> list[QuarantinedMessage]:
    """The newest first; of one feed ("" is unregistered senders), received before a time, or the one with an id."""
    columns = [inbox.c[name] for name in QuarantinedMessage.__dataclass_fields__]
    statement = select(*columns).where(inbox.c.state == QUARANTINED)
    if feed_name is not None:
        statement = statement.where(inbox.c.feed == feed_name)
    if message_id is not None:
        statement = statement.where(inbox.c.message_id == message_id)
    if before is not None:
        statement = statement.where(inbox.c.received_at < before)
    statement = statement.order_by(inbox.c.received_at.desc(), inbox.c.message_id).limit(limit)
    return [QuarantinedMessage(**row._mapping) for row in connection.execute(statement)]


def count_copies(connection: Connection) -> dict[str, tuple[int, int]]:
    """Copies of studies by archive: how many it lists, and how many it no longer lists."""
    missing = func.sum(case((study_location.c.state == CopyState.MISSING.value, 1), else_=0))
    statement = select(study_location.c.endpoint_id, func.count().label("n"), missing.label("missing"))
    rows = connection.execute(statement.group_by(study_location.c.endpoint_id))
    return {row.endpoint_id: (row.n - row.missing, int(row.missing)) for row in rows}


def last_harvests(connection: Connection) -> dict[str, tuple[int, str]]:
    """By archive: when its studies were last listed, and what went wrong then ("" when nothing)."""
    statement = select(harvest_cursor.c.endpoint_id, harvest_cursor.c.updated_at, harvest_cursor.c.problem)
    rows = connection.execute(statement.order_by(harvest_cursor.c.updated_at))
    return {row.endpoint_id: (row.updated_at, row.problem) for row in rows}


@dataclass(frozen=True)
class MessageHeader:
    """What names a message to those who look after its feed."""

    message_id: str
    received_at: int
    feed: str
    control_id: str
    message_type: str


def message_headers(connection: Connection, message_ids: Sequence[str]) -> dict[str, MessageHeader]:
    """Headers by message id."""
    columns = [inbox.c[name] for name in MessageHeader.__dataclass_fields__]
    rows = connection.execute(select(*columns).where(inbox.c.message_id.in_(list(message_ids))))
    return {row.message_id: MessageHeader(**row._mapping) for row in rows}
