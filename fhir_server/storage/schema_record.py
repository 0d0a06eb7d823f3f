"""Write down what version the schema has reached; every migration ends with it."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, update

from fhir_server.storage.tables.schema import schema_info


def record_schema(connection: Connection, version: int, *, oldest_code: int) -> None:
    """The schema is at `version` now, and code from `oldest_code` on may run on it."""
    values = {"schema_version": version, "oldest_code": oldest_code}
    if connection.execute(update(schema_info).values(values)).rowcount == 0:
        connection.execute(insert(schema_info).values(values | {"only": 1, "epoch": secrets.token_hex(8)}))
