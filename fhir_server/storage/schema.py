"""The whole schema: every table module loaded, PostgreSQL's sequences, partitions and storage settings."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import BigInteger, Connection, LargeBinary, MetaData, Sequence, Table, text

from fhir_server.storage import tables
from fhir_server.storage.database import Database
from fhir_server.storage.partitions import ensure_partitions, partition_column

#: Taken from by storage/keys, storage/uris and storage/unit_of_work; SQLite has the table key_block instead.
_SEQUENCES = ("resource_key_block", "uri_number", "change_number")

#: Room on each page for a new version of a row beside the old one (HOT updates).
_FILL_FACTORS = {"resource": 90}


def whole_metadata() -> MetaData:
    """The MetaData with every table module imported, partitioned tables declared as such, and the sequences."""
    for module in pkgutil.iter_modules(tables.__path__, f"{tables.__name__}."):
        importlib.import_module(module.name)
    metadata = tables.metadata
    for name in _SEQUENCES:
        if name not in metadata._sequences:
            Sequence(name, start=1, data_type=BigInteger, metadata=metadata)
    for table in metadata.sorted_tables:
        column = partition_column(table)
        if column is not None:
            table.dialect_options["postgresql"]["partition_by"] = f"RANGE ({column})"
    return metadata


def finish_schema(connection: Connection, now: int) -> None:
    """What the newest migration leaves to this code: storage settings, and the partitions that `now` (microseconds
    UTC) needs. Repeating it changes nothing."""
    metadata = whole_metadata()
    if connection.dialect.name == "postgresql":
        _tune(connection, metadata)
        ensure_partitions(connection, metadata, now)


def keep_partitions(database: Database, now: int) -> list[str]:
    """Make the partitions that `now` (microseconds UTC) needs and that are missing; their names.

    It waits for locks no more than two seconds a try, so that it never holds up the work it stands beside.
    """
    if database.is_sqlite:
        return []

    def work(connection: Connection) -> list[str]:
        database.lock(connection, "schema")
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        return ensure_partitions(connection, whole_metadata(), now)

    return database.write(work)


def _tune(connection: Connection, metadata: MetaData) -> None:
    for name, percent in _FILL_FACTORS.items():
        connection.execute(text(f"ALTER TABLE {name} SET (fillfactor = {percent})"))
    if _has_lz4(connection):
        for table in metadata.sorted_tables:
            _compress_with_lz4(connection, table)


def _has_lz4(connection: Connection) -> bool:
    methods = connection.execute(
        text("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
    )
    return bool(methods.scalar())


def _compress_with_lz4(connection: Connection, table: Table) -> None:
    """Documents of more than 2 KB are compressed by PostgreSQL; lz4 unpacks several times faster than its default."""
    for column in table.columns:
        if isinstance(column.type, LargeBinary):
            connection.execute(text(f"ALTER TABLE {table.name} ALTER {column.name} SET COMPRESSION lz4"))
