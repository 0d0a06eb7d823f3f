"""Source identities, how they resolve to regional Patients, the log of merges, and the identity worklist."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from fhir_server.storage.tables.base import Bytewise, Instant, metadata

source_identity = Table(
    "source_identity",
    metadata,
    # One number of one assigning authority: permanent, never deleted.
    Column("system", Bytewise, primary_key=True),
    Column("value", Bytewise, primary_key=True),
    Column("custodian", Bytewise, nullable=False),
    # The regional Patient that its clinical resources are about, and the one that it belongs to by itself; they
    # differ while it is merged into another identity.
    Column("patient_id", Bytewise, nullable=False),
    Column("home_patient_id", Bytewise, nullable=False),
    Column("merged", Boolean, nullable=False),
    # What its demographics say, as far as linking goes: a verified NHS number (or ""), YYYY-MM-DD (or ""), and
    # whether it has claimed two different NHS numbers.
    Column("nhs_number", Bytewise, nullable=False),
    Column("birth_date", Bytewise, nullable=False),
    Column("contradicts_itself", Boolean, nullable=False),
    Index("ix_source_identity_patient", "patient_id"),
    Index("ix_source_identity_home", "home_patient_id"),
    Index("ix_source_identity_nhs", "nhs_number"),
)

identity_event = Table(
    "identity_event",
    metadata,
    Column("event_id", Bytewise, primary_key=True),
    Column("kind", Text, nullable=False),  # merge, change-identifier, link
    Column("survivor_system", Bytewise, nullable=False),
    Column("survivor_value", Bytewise, nullable=False),
    Column("loser_system", Bytewise, nullable=False),
    Column("loser_value", Bytewise, nullable=False),
    Column("source", Bytewise, nullable=False),
    Column("message_id", Bytewise, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("reversed_at", Instant),  # unmerged: kept for the log, no longer in force
    Index("ix_identity_event_survivor", "survivor_system", "survivor_value"),
    Index("ix_identity_event_loser", "loser_system", "loser_value"),
)

identity_conflict = Table(
    "identity_conflict",
    metadata,
    # The identity worklist; the id is made of what the conflict is about, so that one conflict is one row.
    Column("conflict_id", Bytewise, primary_key=True),
    Column("kind", Text, nullable=False),  # birth-date, nhs-number-changed, merge-refused
    Column("system", Bytewise, nullable=False),
    Column("value", Bytewise, nullable=False),
    Column("patient_id", Bytewise, nullable=False),
    Column("message_id", Bytewise, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index("ix_identity_conflict_open", "closed_at", "opened_at"),
    Index("ix_identity_conflict_identity", "system", "value"),
)

retired_patient = Table(
    "retired_patient",
    metadata,
    # A regional Patient that no identity belongs to any more, and the one to look at instead.
    Column("patient_id", Bytewise, primary_key=True),
    Column("replaced_by", Bytewise, nullable=False),
    Column("retired_at", Instant, nullable=False),
    Index("ix_retired_patient_replaced_by", "replaced_by"),
)
