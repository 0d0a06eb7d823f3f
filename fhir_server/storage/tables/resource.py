"""Resources, their versions, and one index table per search-parameter type (design decisions 1, 5, 6, 7).

`resource` holds each resource's current bytes and the columns that the access rule reads; `resource_version` holds
every version and is the change sequence. Index rows repeat the patient's id, so that a patient's rows of one
parameter are one index range.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, SmallInteger, Table, Text

from fhir_server.storage.tables.base import Blob, Bytewise, Instant, Key, metadata

resource = Table(
    "resource",
    metadata,
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Bytewise, nullable=False),
    Column("version_id", Integer, nullable=False),
    Column("last_updated", Instant, nullable=False),
    Column("deleted", Boolean, nullable=False),
    # Access columns: the controller's ODS code (null: shared row), the one patient (null: none or several, then
    # resource_patient has them all), and the confidentiality of meta.security (0 = normal, higher = sealed).
    Column("custodian", Text),
    Column("patient_id", Bytewise),
    Column("patient_count", SmallInteger, nullable=False),
    Column("sealed", SmallInteger, nullable=False),
    # True when feeds own the content (composed from contributions): REST may not overwrite it.
    Column("composed", Boolean, nullable=False),
    # Which version of the extraction rules wrote the index rows (reindex finds the others).
    Column("index_version", Integer, nullable=False),
    Column("body", Blob),
    Index("uq_resource_type_id", "resource_type", "resource_id", unique=True),
    Index("ix_resource_type_updated", "resource_type", "last_updated", "resource_key"),
    Index("ix_resource_type_key", "resource_type", "resource_key"),
    Index("ix_resource_patient", "patient_id", "resource_type", "resource_key"),
)

resource_patient = Table(
    "resource_patient",
    metadata,
    # Only for resources about two patients or more; one row each.
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("patient_id", Bytewise, primary_key=True),
    Index("ix_resource_patient_patient", "patient_id", "resource_key"),
)

resource_version = Table(
    "resource_version",
    metadata,
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("version_id", Integer, primary_key=True, autoincrement=False),
    Column("last_updated", Instant, primary_key=True, autoincrement=False),
    # Where the version stands in the change sequence: (transaction_id, change_number), see storage/changes.
    Column("transaction_id", Key, nullable=False),
    Column("change_number", Key, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Bytewise, nullable=False),
    Column("method", Text, nullable=False),  # POST, PUT, PATCH, DELETE
    Column("custodian", Text),
    Column("patient_id", Bytewise),
    Column("patient_ids", Text),  # comma-separated when there are several
    Column("sealed", SmallInteger, nullable=False),
    Column("sha256", Blob),  # of the body: survives the body's erasure (tombstone)
    Column("body", Blob),  # null for a deletion
    Index("ix_resource_version_change", "transaction_id", "change_number"),
    Index("ix_resource_version_type_change", "resource_type", "transaction_id", "change_number"),
    info={"partition_by": "last_updated"},
)

business_key = Table(
    "business_key",
    metadata,
    # What "the same" means for what feeds speak about (design section 4). One row, one resource, for ever.
    Column("resource_type", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("resource_id", Bytewise, nullable=False),
    Index("ix_business_key_resource", "resource_type", "resource_id"),
)

uri = Table(
    "uri",
    metadata,
    # The dictionary of code systems and identifier namespaces: index rows carry the small number.
    Column("uri_number", Key, primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
)

# In each index table: `parameter` is conformance.definitions' number for (type, code), and the primary key is the
# whole row, in the order in which searches narrow, so that it is a covering index (clustered on SQLite).

index_token = Table(
    "index_token",
    metadata,
    Column("parameter", Integer, primary_key=True, autoincrement=False),
    Column("code", Bytewise, primary_key=True),
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("system", Integer, primary_key=True, autoincrement=False),  # uri_number; 0 = none
    Column("patient_id", Bytewise),
    Index("ix_index_token_resource", "resource_key", "parameter"),
    sqlite_with_rowid=False,
)

index_string = Table(
    "index_string",
    metadata,
    Column("parameter", Integer, primary_key=True, autoincrement=False),
    Column("folded", Bytewise, primary_key=True),  # case, accents and spacing folded: what a plain search compares
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("exact", Bytewise, primary_key=True),
    Column("patient_id", Bytewise),
    Index("ix_index_string_resource", "resource_key", "parameter"),
    sqlite_with_rowid=False,
)

index_date = Table(
    "index_date",
    metadata,
    # The period [low, high) that the value covers; an open end is the type's smallest or largest instant.
    Column("parameter", Integer, primary_key=True, autoincrement=False),
    Column("low", Instant, primary_key=True, autoincrement=False),
    Column("high", Instant, primary_key=True, autoincrement=False),
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("patient_id", Bytewise),
    Index("ix_index_date_resource", "resource_key", "parameter"),
    Index("ix_index_date_high", "parameter", "high", "resource_key"),
    sqlite_with_rowid=False,
)

index_reference = Table(
    "index_reference",
    metadata,
    # target: "Patient/123" for a resource of this record, else the absolute URL or canonical as written.
    Column("parameter", Integer, primary_key=True, autoincrement=False),
    Column("target", Bytewise, primary_key=True),
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("target_version", Text),
    Column("patient_id", Bytewise),
    Index("ix_index_reference_resource", "resource_key", "parameter", "target"),
    sqlite_with_rowid=False,
)

index_uri = Table(
    "index_uri",
    metadata,
    Column("parameter", Integer, primary_key=True, autoincrement=False),
    Column("value", Bytewise, primary_key=True),
    Column("resource_key", Key, primary_key=True, autoincrement=False),
    Column("patient_id", Bytewise),
    Index("ix_index_uri_resource", "resource_key", "parameter"),
    sqlite_with_rowid=False,
)

key_block = Table(
    "key_block",
    metadata,
    # SQLite's stand-in for sequences: the next free number of each series.
    Column("series", Text, primary_key=True),
    Column("next_number", Key, nullable=False),
)
