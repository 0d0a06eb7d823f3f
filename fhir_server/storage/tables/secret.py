"""Secrets that all processes of one record share."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from fhir_server.storage.tables.base import Blob, metadata

shared_secret = Table(
    "shared_secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Blob, nullable=False),
)
