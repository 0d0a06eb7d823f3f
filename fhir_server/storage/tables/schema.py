"""What the schema says of itself: its version, the oldest code that may run on it, and the epoch of its cursors."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from fhir_server.storage.tables.base import metadata

schema_info = Table(
    "schema_info",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("schema_version", Integer, nullable=False),
    Column("oldest_code", Integer, nullable=False),  # the SCHEMA_VERSION of the oldest code that may run on it
    Column("epoch", Text, nullable=False),  # random; another store, or one restored from a backup, has another
)
