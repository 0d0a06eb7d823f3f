"""The hottest statements, with the least machinery that is still readable (design decision 14).

A `HotStatement` is compiled once by SQLAlchemy and then run by the driver directly, on a connection that each thread
keeps in autocommit. It is for single statements that read; everything else goes through `Database.read` and `write`.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import psycopg
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from fhir_server.errors import Unavailable
from fhir_server.storage.database import Database

_BROKEN = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)


class HotConnections:
    """One driver connection per thread, reopened when it breaks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()

    def cursor(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
        return connection.cursor() if self._database.is_sqlite else connection.cursor(binary=True)

    def _open(self) -> Any:
        try:
            borrowed = self._database.engine.raw_connection()
        except DBAPIError as error:
            raise Unavailable("The database cannot answer now; the request may be repeated.") from error
        connection: Any = borrowed.driver_connection
        borrowed.detach()  # this thread keeps it; the pool forgets it
        if not self._database.is_sqlite:
            connection.autocommit = True
            connection.prepare_threshold = 0
        self._local.connection, self._local.borrowed = connection, borrowed
        return connection

    def forget(self) -> None:
        """Drop this thread's connection after a failure."""
        self._local.connection = None


class HotStatement:
    """A compiled SELECT. `fetch_one` takes the values of its bind parameters by name."""

    def __init__(self, connections: HotConnections, database: Database, statement: Select[Any]) -> None:
        psycopg_dialect: Any = postgresql.psycopg.dialect
        dialect: Any = sqlite.dialect(paramstyle="named") if database.is_sqlite else psycopg_dialect()
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._sql = str(compiled)
        self._constants = {k: v for k, v in compiled.params.items() if v is not None}
        self._connections = connections

    def fetch_one(self, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        """The first row or None. A broken connection is reopened once; then Unavailable (503)."""
        values = self._constants | parameters if self._constants else parameters
        for attempt in (1, 2):
            try:
                cursor = self._connections.cursor()
                row: tuple[Any, ...] | None = cursor.execute(self._sql, values).fetchone()
                return row
            except _BROKEN as error:
                self._connections.forget()
                if attempt == 2:
                    raise Unavailable("The database cannot answer now; the request may be repeated.") from error
            except psycopg.DataError:
                return None  # a value that no row can hold, such as an id with a NUL character
        return None
