"""The dictionary of namespaces: index rows carry a small number instead of a URI."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.storage.tables import uri


class UriNumbers:
    """URI -> number, remembered for ever once committed. Thread-safe; one per process. "" is 0."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {"": 0}
        self._turn = threading.Lock()

    def numbers(self, connection: Connection, uris: set[str], added: set[str]) -> dict[str, int]:
        """The numbers of all the URIs; unknown ones are added in the caller's transaction and noted in `added`.

        What this transaction added may yet be rolled back, wholly or to a savepoint, and a remembered number that was
        never committed would hide everything indexed under it: only what others committed is remembered.
        """
        missing = sorted(u for u in uris if u not in self._known)
        if not missing:
            return {u: self._known[u] for u in uris}
        found = self._read(connection, missing)
        with self._turn:
            self._known.update({u: number for u, number in found.items() if u not in added})
        for name in missing:
            if name not in found:
                added.add(name)
                found[name] = _add(connection, name)
        return {u: found[u] if u in found else self._known[u] for u in uris}

    @staticmethod
    def _read(connection: Connection, missing: list[str]) -> dict[str, int]:
        rows = connection.execute(select(uri.c.uri, uri.c.uri_number).where(uri.c.uri.in_(missing)))
        return {row.uri: row.uri_number for row in rows}


def _add(connection: Connection, name: str) -> int:
    if connection.dialect.name == "sqlite":
        number = 1 + int(connection.execute(select(func.coalesce(func.max(uri.c.uri_number), 0))).scalar_one())
        connection.execute(sqlite.insert(uri).values(uri_number=number, uri=name).on_conflict_do_nothing())
    else:
        statement = postgresql.insert(uri).values(uri_number=func.nextval("uri_number"), uri=name)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["uri"]))
    return int(connection.execute(select(uri.c.uri_number).where(uri.c.uri == name)).scalar_one())
