"""Trusts and feeds in the database."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from fhir_server.errors import Conflict, DuplicateKey, NotFound
from fhir_server.storage.tables.feed import feed, trust

_SUCCESSION_MAX = 16
_FIND_TRUST = select(trust).where(trust.c.ods == bindparam("ods"))
_GET_FEED = select(feed).where(feed.c.name == bindparam("name"))


@dataclass(frozen=True)
class TrustRecord:
    ods: str
    name: str
    valid_from: int = 0
    valid_to: int | None = None
    successor: str | None = None


@dataclass(frozen=True)
class FeedRecord:
    """One feed. `peers` are comma-separated addresses or networks that may send ("" means any)."""

    name: str
    trust: str
    msh_3: str
    msh_4: str
    profile: str
    ack_policy: str = "AE"
    peers: str = ""
    production: bool = True
    enabled: bool = True
    created_at: int = 0

    def allows(self, peer: str) -> bool:
        """Whether messages of this feed may come from the address."""
        if not self.peers:
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in ipaddress.ip_network(p.strip(), strict=False) for p in self.peers.split(","))


def add_trust(connection: Connection, record: TrustRecord) -> None:
    """Add a trust, or give a known one its name."""
    known = connection.execute(select(trust.c.ods).where(trust.c.ods == record.ods)).first()
    if known is None:
        connection.execute(insert(trust), vars(record))
    else:
        connection.execute(update(trust).where(trust.c.ods == record.ods).values(name=record.name))


def end_trust(connection: Connection, ods: str, successor: str, valid_to: int) -> None:
    """From `valid_to` on the trust's records are its successor's."""
    connection.execute(update(trust).where(trust.c.ods == ods).values(valid_to=valid_to, successor=successor))


def find_trust(connection: Connection, ods: str) -> TrustRecord | None:
    row = connection.execute(_FIND_TRUST, {"ods": ods}).one_or_none()
    return None if row is None else TrustRecord(**row._mapping)


def list_trusts(connection: Connection) -> list[TrustRecord]:
    return [TrustRecord(**row._mapping) for row in connection.execute(select(trust).order_by(trust.c.ods))]


def custodian_of(connection: Connection, ods: str) -> str:
    """The trust that answers for this one's records today: itself, or the last in the line of its successors."""
    now = time.time_ns() // 1000
    for _ in range(_SUCCESSION_MAX):
        found = find_trust(connection, ods)
        if found is None or found.successor is None or found.valid_to is None or found.valid_to > now:
            return ods
        ods = found.successor
    raise Conflict("The succession of trusts goes in a circle.")


def add_feed(connection: Connection, record: FeedRecord) -> None:
    """Register a feed; DuplicateKey when its name or its MSH-3 and MSH-4 are taken, NotFound without its trust."""
    if find_trust(connection, record.trust) is None:
        raise NotFound("The feed's trust is not registered.")
    taken = select(feed.c.name).where(
        (feed.c.name == record.name) | ((feed.c.msh_4 == record.msh_4) & (feed.c.msh_3 == record.msh_3))
    )
    if connection.execute(taken).first() is not None:
        raise DuplicateKey("A feed with this name, or with this MSH-3 and MSH-4, is registered already.")
    try:
        connection.execute(insert(feed), vars(record))
    except IntegrityError as error:
        raise DuplicateKey("A feed with this name, or with this MSH-3 and MSH-4, is registered already.") from error


def set_feed_enabled(connection: Connection, name: str, enabled: bool) -> None:
    connection.execute(update(feed).where(feed.c.name == name).values(enabled=enabled))


def get_feed(connection: Connection, name: str) -> FeedRecord | None:
    row = connection.execute(_GET_FEED, {"name": name}).one_or_none()
    return None if row is None else FeedRecord(**row._mapping)


def list_feeds(connection: Connection) -> list[FeedRecord]:
    return [FeedRecord(**row._mapping) for row in connection.execute(select(feed).order_by(feed.c.name))]


def find_feed(connection: Connection, msh_3: str, msh_4: str) -> FeedRecord | None:
    """The feed of a sender: registered with this application and facility, else with the facility alone."""
    statement = select(feed).where(feed.c.msh_4 == msh_4, feed.c.msh_3.in_(["", msh_3]))
    rows = connection.execute(statement.order_by(feed.c.msh_3.desc())).all()
    return FeedRecord(**rows[0]._mapping) if rows else None
