"""The inbox: every message as it came, what became of it, and the queue of those still to be filed."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from fhir_server.storage.tables.base import Blob, Bytewise, Instant, metadata

inbox = Table(
    "inbox",
    metadata,
    Column("message_id", Bytewise, primary_key=True),
    Column("received_at", Instant, primary_key=True, autoincrement=False),
    Column("feed", Bytewise, nullable=False),  # "": the sender is not registered
    Column("peer", Text, nullable=False),
    Column("control_id", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("raw", Blob, nullable=False),
    Column("sha256", Blob, nullable=False),
    Column("state", Text, nullable=False),  # received, filed, filed-with-warnings, quarantined, ignored
    Column("reason", Text, nullable=False),
    Column("reason_text", Text, nullable=False),  # without patient data
    Column("warnings", Text, nullable=False),  # JSON: [{location, code, text}]
    Column("attempts", Integer, nullable=False),
    Column("filed_at", Instant),
    Index("ix_inbox_feed", "feed", "received_at"),
    Index("ix_inbox_state", "state", "received_at"),
    info={"partition_by": "received_at"},
)

inbox_key = Table(
    "inbox_key",
    metadata,
    # One message is one feed, control id and content: what a sender repeats is acknowledged again and not stored.
    Column("feed", Bytewise, primary_key=True),
    Column("control_id", Bytewise, primary_key=True),
    Column("sha256", Blob, primary_key=True),
    Column("message_id", Bytewise, nullable=False),
    Column("received_at", Instant, nullable=False),
)

filing_queue = Table(
    "filing_queue",
    metadata,
    # One row for each message to be filed, deleted in the transaction that files it. A lane is one patient of one
    # feed; its messages are filed in the order received. A merge stands in two lanes.
    Column("message_id", Bytewise, primary_key=True),
    Column("received_at", Instant, nullable=False),
    Column("lane", Bytewise, nullable=False),
    Column("other_lane", Bytewise, nullable=False),  # "": none
    Column("not_before", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_filing_queue_order", "received_at", "message_id"),
    Index("ix_filing_queue_lane", "lane", "received_at"),
    Index("ix_filing_queue_other_lane", "other_lane", "received_at"),
)

message_resource = Table(
    "message_resource",
    metadata,
    # Which versions a message made.
    Column("message_id", Bytewise, primary_key=True),
    Column("resource_type", Bytewise, primary_key=True),
    Column("resource_id", Bytewise, primary_key=True),
    Column("version_id", Integer, primary_key=True, autoincrement=False),
    Index("ix_message_resource_resource", "resource_type", "resource_id", "version_id"),
)
