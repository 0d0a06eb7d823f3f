"""Numbers and ids: resource keys in blocks, logical ids that sort by time.

PostgreSQL hands out blocks from a sequence, SQLite from a row of `key_block`; gaps are legal.
"""

from __future__ import annotations

import secrets
import threading
import time

from sqlalchemy import Connection, text

BLOCK_SIZE = 64
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case


def new_resource_id() -> str:
    """A logical id of 16 characters: 40 bits of milliseconds, 40 random bits; ids of one time lie close together."""
    number = ((time.time_ns() // 1_000_000) & 0xFF_FFFF_FFFF) << 40 | secrets.randbits(40)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(75, -1, -5))


class KeyAllocator:
    """Hands out resource keys, `BLOCK_SIZE` at a time. Thread-safe; one per process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._next = 0
        self._end = 0

    def take(self, connection: Connection) -> int:
        """The next free resource key. A block taken in a transaction that rolls back is a gap, never a repeat."""
        with self._turn:
            if self._next >= self._end:
                # A block of our own per call on SQLite: a rolled-back transaction gives its numbers back.
                if connection.dialect.name == "sqlite":
                    return _sqlite_next(connection, "resource_key", 1)
                self._next = _postgresql_block(connection)
                self._end = self._next + BLOCK_SIZE
            self._next += 1
            return self._next - 1


def _sqlite_next(connection: Connection, series: str, count: int) -> int:
    statement = text(
        "INSERT INTO key_block (series, next_number) VALUES (:series, 1 + :count) "
        "ON CONFLICT (series) DO UPDATE SET next_number = next_number + :count RETURNING next_number"
    )
    return int(connection.execute(statement, {"series": series, "count": count}).scalar_one()) - count


def _postgresql_block(connection: Connection) -> int:
    return int(connection.execute(text("SELECT nextval('resource_key_block')")).scalar_one()) * BLOCK_SIZE


def next_change_number(connection: Connection) -> int:
    """The next number of the change sequence on SQLite (on PostgreSQL the insert takes it from its sequence)."""
    return _sqlite_next(connection, "change_number", 1)
