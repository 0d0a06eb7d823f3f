"""One database behind two engines: SQLite embedded, PostgreSQL in production (design decision 4).

Reads run in autocommit; writes in one transaction that is retried when the database says that trying again helps
(a deadlock, a serialisation failure, a lost race for a unique key). On SQLite a writer waits for its turn.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from fhir_server.errors import BadRequest, Unavailable
from fhir_server.storage.turns import WriterTurns

__all__ = ["Connection", "Database"]

Result = TypeVar("Result")

_RETRY_STATES = {"40001", "40P01", "55P03", "23505"}  # serialisation, deadlock, lock not available, unique violation
_GONE_STATES = ("08", "57P")  # connection exceptions; admin shutdown, crash, cannot connect now
_SQLITE_GONE = ("locked", "busy", "disk", "unable to open", "readonly", "full")
_ATTEMPTS = 12
_SQLITE_WAIT_S = 60


class Database:
    """The engines, and the two ways in: `read()` and `write()`."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer_turn = WriterTurns(self.url.database or "" if self.is_sqlite else "", _SQLITE_WAIT_S)
        self.engine = self._make_engine(pool_size)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _make_engine(self, pool_size: int) -> Engine:
        if not self.is_sqlite:
            return create_engine(
                self.url,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_pre_ping=False,
                pool_recycle=1800,
                connect_args={
                    "prepare_threshold": 2,
                    "connect_timeout": 5,
                    "application_name": "imaging-record",
                    "options": "-c jit=off",
                },
            )
        if self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=pool_size,
            connect_args={"timeout": _SQLITE_WAIT_S, "check_same_thread": False},
        )
        event.listen(engine, "connect", _configure_sqlite)
        return engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in autocommit: each statement sees what was committed before it."""
        try:
            with self._autocommit.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise _translate(error) from error

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction and commit; retried as a whole, so it must have no other side effect.

        Raises Unavailable when the database cannot be reached or keeps refusing.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._write_once(work)
            except DBAPIError as error:
                if attempt == _ATTEMPTS - 1 or not _is_worth_retrying(error):
                    raise _translate(error) from error
                time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))
        raise Unavailable("The database is too busy to take this write now.")

    def _write_once(self, work: Callable[[Connection], Result]) -> Result:
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                return work(connection)
        with self._writer_turn, self._autocommit.connect() as connection:
            # BEGIN IMMEDIATE takes the write lock first, so that a transaction never fails half-way for lack of it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            return result

    def lock(self, connection: Connection, *names: str) -> None:
        """Hold named locks until the transaction ends, taken in one order so that two holders never deadlock.

        SQLite's single writer already excludes everybody else.
        """
        if self.is_sqlite:
            return
        for name in sorted(set(names)):
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def ping(self) -> None:
        """Raise Unavailable when the database does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # None: the driver starts no transactions of its own.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit is on the disk before it is acknowledged
        "foreign_keys=ON",
        "cache_size=-32768",
        "mmap_size=268435456",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _is_worth_retrying(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in str(error.orig) or "busy" in str(error.orig) or isinstance(error, IntegrityError)
    return _sqlstate(error) in _RETRY_STATES or error.connection_invalidated


def _translate(error: DBAPIError) -> Exception:
    """What the caller may hear of a driver's error: never its text, which quotes values. A fault of ours stays one."""
    if isinstance(error, DataError):
        return BadRequest("A value has a character or a size that the database cannot hold.")
    state = _sqlstate(error)
    if isinstance(error.orig, sqlite3.Error):
        gone = isinstance(error, OperationalError) and any(word in str(error.orig) for word in _SQLITE_GONE)
    else:
        gone = error.connection_invalidated or state.startswith(_GONE_STATES) or isinstance(error, OperationalError)
    if gone or state in _RETRY_STATES:
        return Unavailable("The database cannot answer now; the request may be repeated.")
    return error
