"""The audit store: disclosures as spooled, what each disclosed, the writers' chains and signed checkpoints."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from fhir_server.storage.tables.base import Blob, Bytewise, Instant, Key, metadata

disclosure = Table(
    "disclosure",
    metadata,
    Column("recorded", Instant, primary_key=True, autoincrement=False),
    Column("writer_number", Integer, primary_key=True, autoincrement=False),
    Column("position", Key, primary_key=True, autoincrement=False),
    # What searches narrow by; the rest is in the payload.
    Column("interaction", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("caller_id", Bytewise, nullable=False),
    # The disclosure's bytes, which the chain covers: chain = SHA-256(chain of position - 1, payload).
    Column("payload", Blob, nullable=False),
    Column("chain", Blob, nullable=False),
    Index("ix_disclosure_position", "writer_number", "position"),
    Index("ix_disclosure_caller", "caller_id", "recorded"),
    info={"partition_by": "recorded"},
)

disclosed_version = Table(
    "disclosed_version",
    metadata,
    # One row per version and patient; a version about nobody has one row with patient_id null.
    Column("recorded", Instant, primary_key=True, autoincrement=False),
    Column("writer_number", Integer, primary_key=True, autoincrement=False),
    Column("position", Key, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Bytewise, nullable=False),
    Column("version_id", Integer, nullable=False),
    Column("patient_id", Bytewise),
    Index("ix_disclosed_version_patient", "patient_id", "recorded"),
    Index("ix_disclosed_version_resource", "resource_id", "resource_type", "recorded"),
    info={"partition_by": "recorded"},
)

spool_position = Table(
    "spool_position",
    metadata,
    # How far each writer's spool has been filed, and its chain there. One row per writing process, for ever.
    Column("writer_number", Integer, primary_key=True, autoincrement=False),
    Column("writer", Text, nullable=False, unique=True),
    Column("segment", Integer, nullable=False),
    Column("offset", Key, nullable=False),
    Column("position", Key, nullable=False),  # of the next line
    Column("chain", Blob, nullable=False),
    Column("updated", Instant, nullable=False),
)

written_disclosure = Table(
    "written_disclosure",
    metadata,
    # The spool of writes: a write's disclosure commits with it, and filing moves it into a chain.
    Column("disclosure_id", Bytewise, primary_key=True),
    Column("payload", Blob, nullable=False),
)

disclosure_checkpoint = Table(
    "disclosure_checkpoint",
    metadata,
    Column("checkpoint_number", Integer, primary_key=True, autoincrement=False),
    Column("recorded", Instant, nullable=False),
    # What is signed: JSON with the number, the time, the hash of the checkpoint before, and the writers' chains.
    Column("statement", Blob, nullable=False),
    Column("public_key", Blob, nullable=False),
    Column("signature", Blob, nullable=False),  # Ed25519
)
