"""The dictionary of namespaces: index rows carry a small number instead of a URI."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.storage.database import Database
from fhir_server.storage.tables import uri


class UriNumbers:
    """URI -> number, remembered for ever once committed. Thread-safe; one per process. "" is 0."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, int] = {"": 0}
        self._turn = threading.Lock()

    def numbers(self, connection: Connection, uris: set[str], added: set[str]) -> dict[str, int]:
        """The numbers of all the URIs.

        On PostgreSQL unknown ones are added in a transaction of their own: two long transactions that meet new
        namespaces in different orders would else wait for each other. SQLite has one writer, so they are added in the
        caller's transaction and noted in `added`: it may yet be rolled back, and a remembered number that was never
        committed would hide everything indexed under it, so only what others committed is remembered.
        """
        missing = sorted(u for u in uris if u not in self._known)
        if not missing:
            return {u: self._known[u] for u in uris}
        if self._database.is_sqlite:
            found = _read_or_add(connection, missing, added)
        else:
            with self._database.engine.begin() as own:
                found = _read_or_add(own, missing, set())
        with self._turn:
            self._known.update({u: number for u, number in found.items() if u not in added})
        return {u: found[u] if u in found else self._known[u] for u in uris}


def _read_or_add(connection: Connection, missing: list[str], added: set[str]) -> dict[str, int]:
    rows = connection.execute(select(uri.c.uri, uri.c.uri_number).where(uri.c.uri.in_(missing)))
    found = {row.uri: row.uri_number for row in rows}
    for name in missing:
        if name not in found:
            added.add(name)
            found[name] = _add(connection, name)
    return found


def _add(connection: Connection, name: str) -> int:
    if connection.dialect.name == "sqlite":
        number = 1 + int(connection.execute(select(func.coalesce(func.max(uri.c.uri_number), 0))).scalar_one())
        connection.execute(sqlite.insert(uri).values(uri_number=number, uri=name).on_conflict_do_nothing())
    else:
        statement = postgresql.insert(uri).values(uri_number=func.nextval("uri_number"), uri=name)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["uri"]))
    return int(connection.execute(select(uri.c.uri_number).where(uri.c.uri == name)).scalar_one())
