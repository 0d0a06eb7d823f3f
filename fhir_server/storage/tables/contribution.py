"""What sources say about resources, one row per statement; resources are composed of these (design decision 3)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table

from fhir_server.storage.tables.base import Blob, Bytewise, Instant, metadata

contribution = Table(
    "contribution",
    metadata,
    Column("contribution_id", Bytewise, primary_key=True),
    Column("resource_type", Bytewise, nullable=False),
    Column("key_system", Bytewise, nullable=False),
    Column("key_value", Bytewise, nullable=False),
    # The source identity (a Patient key) that it is about; "" when it is about nobody.
    Column("subject_system", Bytewise, nullable=False),
    Column("subject_value", Bytewise, nullable=False),
    Column("source", Bytewise, nullable=False),
    Column("custodian", Bytewise, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("message_time", Instant, nullable=False),
    Column("status_rank", Integer, nullable=False),
    Column("authoritative", Boolean, nullable=False),
    Column("retracted", Boolean, nullable=False),
    Column("message_id", Bytewise, nullable=False),  # "": not from a message
    Column("sequence", Bytewise, nullable=False),  # MSH-10 in a form that sorts: breaks ties of the two times
    Column("digest", Bytewise, nullable=False),  # SHA-256 of the content, the last tie-breaker
    Column("fragment", Blob, nullable=False),  # JSON: content (references as urn:key), accumulates, report_lines
    Index("ix_contribution_key", "resource_type", "key_system", "key_value"),
    Index("ix_contribution_subject", "subject_system", "subject_value"),
    Index("ix_contribution_message", "message_id"),
)

contribution_alias = Table(
    "contribution_alias",
    metadata,
    # "The thing with this key is also known by this name": e.g. a study by its accession number.
    Column("contribution_id", Bytewise, primary_key=True),
    Column("alias_system", Bytewise, primary_key=True),
    Column("alias_value", Bytewise, primary_key=True),
    Column("resource_type", Bytewise, nullable=False),
    Column("key_system", Bytewise, nullable=False),
    Column("key_value", Bytewise, nullable=False),
    Index("ix_contribution_alias_alias", "resource_type", "alias_system", "alias_value"),
    Index("ix_contribution_alias_key", "resource_type", "key_system", "key_value"),
)

contribution_reference = Table(
    "contribution_reference",
    metadata,
    # Who refers by a name that may come to stand for another resource (an accession number, an order's number).
    Column("contribution_id", Bytewise, primary_key=True),
    Column("target_type", Bytewise, primary_key=True),
    Column("target_system", Bytewise, primary_key=True),
    Column("target_value", Bytewise, primary_key=True),
    Column("resource_type", Bytewise, nullable=False),
    Column("key_system", Bytewise, nullable=False),
    Column("key_value", Bytewise, nullable=False),
    Index("ix_contribution_reference_target", "target_type", "target_system", "target_value"),
)
