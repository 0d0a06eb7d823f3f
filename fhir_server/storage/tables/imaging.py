"""Where pixels are: copies of studies by archive, the image store's index, harvest cursors, health of archives."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from fhir_server.storage.tables.base import Bytewise, Instant, metadata

study_location = Table(
    "study_location",
    metadata,
    Column("study_uid", Bytewise, primary_key=True),
    Column("endpoint_id", Bytewise, primary_key=True),
    Column("state", Text, nullable=False),  # online, unreachable, missing
    Column("series_count", Integer, nullable=False),
    Column("instance_count", Integer, nullable=False),
    Column("study_date", Bytewise, nullable=False),
    # As found in the headers: PACS keep old numbers for ever, so merges never touch these.
    Column("local_patient_id", Text, nullable=False),
    Column("patient_issuer", Text, nullable=False),
    Column("rows_hash", Text, nullable=False),
    Column("verified_at", Instant, nullable=False),
    Index("ix_study_location_endpoint", "endpoint_id", "study_date"),
)

stored_instance = Table(
    "stored_instance",
    metadata,
    Column("instance_uid", Bytewise, primary_key=True),
    Column("series_uid", Bytewise, nullable=False),
    Column("study_uid", Bytewise, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("patient_issuer", Text, nullable=False),
    Column("accession_number", Text, nullable=False),
    Column("accession_issuer", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("ix_stored_instance_study", "study_uid", "series_uid"),
)

received_study = Table(
    "received_study",
    metadata,
    # Studies that arrived object by object: recorded once nothing has come for the quiet period.
    Column("study_uid", Bytewise, primary_key=True),
    Column("last_received", Instant, nullable=False),
    Column("filed_until", Instant, nullable=False),  # last_received at the last recording; 0 = never
    Index("ix_received_study_last", "last_received"),
)

harvest_cursor = Table(
    "harvest_cursor",
    metadata,
    Column("endpoint_id", Bytewise, primary_key=True),
    Column("window", Text, primary_key=True),  # recent, backfill
    Column("position", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("problem", Text, nullable=False),
)

endpoint_health = Table(
    "endpoint_health",
    metadata,
    Column("endpoint_id", Bytewise, primary_key=True),
    Column("reachable", Boolean, nullable=False),
    Column("phase", Text, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("checked_at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("failures", Integer, nullable=False),
)
