"""Trusts and their feeds: who may send HL7 v2, how it is told apart (MSH-3, MSH-4) and which profile reads it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from fhir_server.storage.tables.base import Bytewise, Instant, metadata

trust = Table(
    "trust",
    metadata,
    Column("ods", Bytewise, primary_key=True),
    Column("name", Text, nullable=False),
    # A trust that ended: from `valid_to` on its records are its successor's.
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("successor", Bytewise),
)

feed = Table(
    "feed",
    metadata,
    Column("name", Bytewise, primary_key=True),
    Column("trust", Bytewise, nullable=False),
    Column("msh_3", Text, nullable=False),  # "": any application of the facility
    Column("msh_4", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("ack_policy", Text, nullable=False),  # refuse-with-error (AE) or refuse-with-reject (AR)
    Column("peers", Text, nullable=False),  # comma-separated networks that may send; "": any
    Column("production", Boolean, nullable=False),  # False: MSH-11 T and D are welcome too
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("uq_feed_sender", "msh_4", "msh_3", unique=True),
    Index("ix_feed_trust", "trust"),
)
