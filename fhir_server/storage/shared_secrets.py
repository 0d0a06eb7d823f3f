"""Secrets that all processes of one record share, made when first asked for."""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select

from fhir_server.storage.database import Connection, Database
from fhir_server.storage.tables.secret import shared_secret


def get_shared_secret(database: Database, name: str) -> bytes:
    """The secret of this name: 256 random bits, the same for every process and for ever."""

    def work(connection: Connection) -> bytes:
        found = connection.execute(select(shared_secret.c.value).where(shared_secret.c.name == name)).scalar()
        if found is not None:
            return bytes(found)
        made = secrets.token_bytes(32)
        # Two processes may come here at once: the loser's transaction is retried, and finds the winner's.
        connection.execute(insert(shared_secret), {"name": name, "value": made})
        return made

    return database.write(work)
