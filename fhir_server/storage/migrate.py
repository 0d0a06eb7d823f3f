"""Bring a database to the schema of this code, and refuse one that the two do not fit (design decision 4).

The schema records its version and the oldest code that may run on it: a change that only adds keeps `oldest_code`, so
that the release before still runs on it while it is rolled out; the next release contracts.
"""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, select

from fhir_server.errors import Unavailable
from fhir_server.storage.database import Database
from fhir_server.storage.schema import finish_schema
from fhir_server.storage.tables.schema import schema_info

#: The number of the newest migration in migrations/versions.
SCHEMA_VERSION = 1


class SchemaMismatch(Unavailable):
    """The database's schema and this code do not fit; the text says which to bring forward."""


def migrate(database: Database) -> int:
    """Bring the database to this code's schema; an empty one gets everything. Returns the schema's version.

    Safe to call from several processes at once. Raises SchemaMismatch when the schema is too new for this code.
    """
    with database.read() as connection:
        found = schema_version(connection)
    if found is not None and found[0] >= SCHEMA_VERSION:
        _check_code(found[1])
        return found[0]
    return database.write(lambda connection: _migrate(database, connection))


def _migrate(database: Database, connection: Connection) -> int:
    database.lock(connection, "schema")
    found = schema_version(connection)
    if found is not None and found[0] >= SCHEMA_VERSION:
        _check_code(found[1])
        return found[0]
    command.upgrade(_config(connection), "head")
    finish_schema(connection, time.time_ns() // 1000)
    return SCHEMA_VERSION


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def schema_version(connection: Connection) -> tuple[int, int] | None:
    """The schema's version and the oldest code that may run on it; None when the database is empty."""
    if not inspect(connection).has_table(schema_info.name):
        return None
    row = connection.execute(select(schema_info.c.schema_version, schema_info.c.oldest_code)).one_or_none()
    return None if row is None else (row.schema_version, row.oldest_code)


def check_schema(database: Database) -> None:
    """Raise SchemaMismatch unless this code may run on the database as it is."""
    with database.read() as connection:
        found = schema_version(connection)
    if found is None:
        raise SchemaMismatch("The database is empty; run `imaging-record migrate`.")
    version, oldest_code = found
    if version < SCHEMA_VERSION:
        raise SchemaMismatch(
            f"The schema is at version {version} and this code needs {SCHEMA_VERSION}; run `imaging-record migrate`."
        )
    _check_code(oldest_code)


def _check_code(oldest_code: int) -> None:
    if oldest_code > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"The schema needs code of schema version {oldest_code} or later; this code has {SCHEMA_VERSION}. "
            "Install a newer release."
        )
