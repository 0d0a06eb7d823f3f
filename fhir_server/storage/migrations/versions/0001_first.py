"""The first schema, as it was: a migration never changes once it has been released.

Partitions, compression and fill factors are `storage.schema.finish_schema`'s, after the newest migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fhir_server.storage.schema_record import record_schema

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTEWISE = sa.Text(collation="C").with_variant(sa.Text(collation="BINARY"), "sqlite")
SEQUENCES = ("resource_key_block", "uri_number", "change_number")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in SEQUENCES:
            op.execute(sa.schema.CreateSequence(sa.Sequence(name, start=1, data_type=sa.BigInteger)))
    _create_tables()
    record_schema(op.get_bind(), 1, oldest_code=1)


def _create_tables() -> None:
    op.create_table(
        "access_token",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("issued_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_access_token")),
    )
    op.create_index("ix_access_token_expires", "access_token", ["expires_at"], unique=False)
    op.create_table(
        "archive",
        sa.Column("endpoint_id", BYTEWISE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("aet", sa.Text(), nullable=False),
        sa.Column("patient_issuer", sa.Text(), nullable=False),
        sa.Column("accession_issuer", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_archive")),
        sa.UniqueConstraint("name", name=op.f("uq_archive_name")),
    )
    op.create_table(
        "business_key",
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("resource_id", BYTEWISE, nullable=False),
        sa.PrimaryKeyConstraint("resource_type", "system", "value", name=op.f("pk_business_key")),
    )
    op.create_index("ix_business_key_resource", "business_key", ["resource_type", "resource_id"], unique=False)
    op.create_table(
        "client",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_digest", sa.Text(), nullable=True),
        sa.Column("jwks", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
    )
    op.create_table(
        "contribution",
        sa.Column("contribution_id", BYTEWISE, nullable=False),
        sa.Column("resource_type", BYTEWISE, nullable=False),
        sa.Column("key_system", BYTEWISE, nullable=False),
        sa.Column("key_value", BYTEWISE, nullable=False),
        sa.Column("subject_system", BYTEWISE, nullable=False),
        sa.Column("subject_value", BYTEWISE, nullable=False),
        sa.Column("source", BYTEWISE, nullable=False),
        sa.Column("custodian", BYTEWISE, nullable=False),
        sa.Column("event_time", BIG, nullable=False),
        sa.Column("message_time", BIG, nullable=False),
        sa.Column("status_rank", sa.Integer(), nullable=False),
        sa.Column("authoritative", sa.Boolean(), nullable=False),
        sa.Column("retracted", sa.Boolean(), nullable=False),
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("sequence", BYTEWISE, nullable=False),
        sa.Column("digest", BYTEWISE, nullable=False),
        sa.Column("fragment", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("contribution_id", name=op.f("pk_contribution")),
    )
    op.create_index("ix_contribution_key", "contribution", ["resource_type", "key_system", "key_value"], unique=False)
    op.create_index("ix_contribution_message", "contribution", ["message_id"], unique=False)
    op.create_index("ix_contribution_subject", "contribution", ["subject_system", "subject_value"], unique=False)
    op.create_table(
        "contribution_alias",
        sa.Column("contribution_id", BYTEWISE, nullable=False),
        sa.Column("alias_system", BYTEWISE, nullable=False),
        sa.Column("alias_value", BYTEWISE, nullable=False),
        sa.Column("resource_type", BYTEWISE, nullable=False),
        sa.Column("key_system", BYTEWISE, nullable=False),
        sa.Column("key_value", BYTEWISE, nullable=False),
        sa.PrimaryKeyConstraint("contribution_id", "alias_system", "alias_value", name=op.f("pk_contribution_alias")),
    )
    op.create_index(
        "ix_contribution_alias_alias",
        "contribution_alias",
        ["resource_type", "alias_system", "alias_value"],
        unique=False,
    )
    op.create_index(
        "ix_contribution_alias_key", "contribution_alias", ["resource_type", "key_system", "key_value"], unique=False
    )
    op.create_table(
        "contribution_reference",
        sa.Column("contribution_id", BYTEWISE, nullable=False),
        sa.Column("target_type", BYTEWISE, nullable=False),
        sa.Column("target_system", BYTEWISE, nullable=False),
        sa.Column("target_value", BYTEWISE, nullable=False),
        sa.Column("resource_type", BYTEWISE, nullable=False),
        sa.Column("key_system", BYTEWISE, nullable=False),
        sa.Column("key_value", BYTEWISE, nullable=False),
        sa.PrimaryKeyConstraint(
            "contribution_id", "target_type", "target_system", "target_value", name=op.f("pk_contribution_reference")
        ),
    )
    op.create_index(
        "ix_contribution_reference_target",
        "contribution_reference",
        ["target_type", "target_system", "target_value"],
        unique=False,
    )
    op.create_table(
        "disclosed_version",
        sa.Column("recorded", BIG, autoincrement=False, nullable=False),
        sa.Column("writer_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", BYTEWISE, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("recorded", "writer_number", "position", "ordinal", name=op.f("pk_disclosed_version")),
        postgresql_partition_by="RANGE (recorded)",
    )
    op.create_index("ix_disclosed_version_patient", "disclosed_version", ["patient_id", "recorded"], unique=False)
    op.create_index(
        "ix_disclosed_version_resource", "disclosed_version", ["resource_id", "resource_type", "recorded"], unique=False
    )
    op.create_table(
        "disclosure",
        sa.Column("recorded", BIG, autoincrement=False, nullable=False),
        sa.Column("writer_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("interaction", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("caller_id", BYTEWISE, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recorded", "writer_number", "position", name=op.f("pk_disclosure")),
        postgresql_partition_by="RANGE (recorded)",
    )
    op.create_index("ix_disclosure_caller", "disclosure", ["caller_id", "recorded"], unique=False)
    op.create_index("ix_disclosure_position", "disclosure", ["writer_number", "position"], unique=False)
    op.create_table(
        "disclosure_checkpoint",
        sa.Column("checkpoint_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recorded", BIG, nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("checkpoint_number", name=op.f("pk_disclosure_checkpoint")),
    )
    op.create_table(
        "endpoint_health",
        sa.Column("endpoint_id", BYTEWISE, nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("checked_at", BIG, nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_endpoint_health")),
    )
    op.create_table(
        "feed",
        sa.Column("name", BYTEWISE, nullable=False),
        sa.Column("trust", BYTEWISE, nullable=False),
        sa.Column("msh_3", sa.Text(), nullable=False),
        sa.Column("msh_4", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("ack_policy", sa.Text(), nullable=False),
        sa.Column("peers", sa.Text(), nullable=False),
        sa.Column("production", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed")),
    )
    op.create_index("ix_feed_trust", "feed", ["trust"], unique=False)
    op.create_index("uq_feed_sender", "feed", ["msh_4", "msh_3"], unique=True)
    op.create_table(
        "filing_queue",
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.Column("lane", BYTEWISE, nullable=False),
        sa.Column("other_lane", BYTEWISE, nullable=False),
        sa.Column("not_before", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_filing_queue")),
    )
    op.create_index("ix_filing_queue_lane", "filing_queue", ["lane", "received_at"], unique=False)
    op.create_index("ix_filing_queue_order", "filing_queue", ["received_at", "message_id"], unique=False)
    op.create_index("ix_filing_queue_other_lane", "filing_queue", ["other_lane", "received_at"], unique=False)
    op.create_table(
        "harvest_cursor",
        sa.Column("endpoint_id", BYTEWISE, nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "window", name=op.f("pk_harvest_cursor")),
    )
    op.create_table(
        "identity_conflict",
        sa.Column("conflict_id", BYTEWISE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("system", BYTEWISE, nullable=False),
        sa.Column("value", BYTEWISE, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=False),
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("closed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("conflict_id", name=op.f("pk_identity_conflict")),
    )
    op.create_index("ix_identity_conflict_identity", "identity_conflict", ["system", "value"], unique=False)
    op.create_index("ix_identity_conflict_open", "identity_conflict", ["closed_at", "opened_at"], unique=False)
    op.create_table(
        "identity_event",
        sa.Column("event_id", BYTEWISE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("survivor_system", BYTEWISE, nullable=False),
        sa.Column("survivor_value", BYTEWISE, nullable=False),
        sa.Column("loser_system", BYTEWISE, nullable=False),
        sa.Column("loser_value", BYTEWISE, nullable=False),
        sa.Column("source", BYTEWISE, nullable=False),
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("event_time", BIG, nullable=False),
        sa.Column("recorded_at", BIG, nullable=False),
        sa.Column("reversed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_identity_event")),
    )
    op.create_index("ix_identity_event_loser", "identity_event", ["loser_system", "loser_value"], unique=False)
    op.create_index("ix_identity_event_survivor", "identity_event", ["survivor_system", "survivor_value"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("received_at", BIG, autoincrement=False, nullable=False),
        sa.Column("feed", BYTEWISE, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("control_id", sa.Text(), nullable=False),
        sa.Column("message_type", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_text", sa.Text(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("filed_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("message_id", "received_at", name=op.f("pk_inbox")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("ix_inbox_feed", "inbox", ["feed", "received_at"], unique=False)
    op.create_index("ix_inbox_state", "inbox", ["state", "received_at"], unique=False)
    op.create_table(
        "inbox_key",
        sa.Column("feed", BYTEWISE, nullable=False),
        sa.Column("control_id", BYTEWISE, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("feed", "control_id", "sha256", name=op.f("pk_inbox_key")),
    )
    op.create_table(
        "index_date",
        sa.Column("parameter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("low", BIG, autoincrement=False, nullable=False),
        sa.Column("high", BIG, autoincrement=False, nullable=False),
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("parameter", "low", "high", "resource_key", name=op.f("pk_index_date")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_index_date_high", "index_date", ["parameter", "high", "resource_key"], unique=False)
    op.create_index("ix_index_date_resource", "index_date", ["resource_key", "parameter"], unique=False)
    op.create_table(
        "index_reference",
        sa.Column("parameter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("target", BYTEWISE, nullable=False),
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("target_version", sa.Text(), nullable=True),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("parameter", "target", "resource_key", name=op.f("pk_index_reference")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_index_reference_resource", "index_reference", ["resource_key", "parameter", "target"], unique=False
    )
    op.create_table(
        "index_string",
        sa.Column("parameter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("folded", BYTEWISE, nullable=False),
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("exact", BYTEWISE, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("parameter", "folded", "resource_key", "exact", name=op.f("pk_index_string")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_index_string_resource", "index_string", ["resource_key", "parameter"], unique=False)
    op.create_table(
        "index_token",
        sa.Column("parameter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", BYTEWISE, nullable=False),
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("system", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("parameter", "code", "resource_key", "system", name=op.f("pk_index_token")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_index_token_resource", "index_token", ["resource_key", "parameter"], unique=False)
    op.create_table(
        "index_uri",
        sa.Column("parameter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", BYTEWISE, nullable=False),
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("parameter", "value", "resource_key", name=op.f("pk_index_uri")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_index_uri_resource", "index_uri", ["resource_key", "parameter"], unique=False)
    op.create_table(
        "key_block",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("next_number", BIG, nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_key_block")),
    )
    op.create_table(
        "message_resource",
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("resource_type", BYTEWISE, nullable=False),
        sa.Column("resource_id", BYTEWISE, nullable=False),
        sa.Column("version_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "message_id", "resource_type", "resource_id", "version_id", name=op.f("pk_message_resource")
        ),
    )
    op.create_index(
        "ix_message_resource_resource", "message_resource", ["resource_type", "resource_id", "version_id"], unique=False
    )
    op.create_table(
        "periodic_job",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_run", BIG, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("lease_until", BIG, nullable=False),
        sa.Column("started", BIG, nullable=True),
        sa.Column("finished", BIG, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_periodic_job")),
    )
    op.create_table(
        "portal_session",
        sa.Column("session_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session_sha256", name=op.f("pk_portal_session")),
    )
    op.create_index("ix_portal_session_user", "portal_session", ["user_id"], unique=False)
    op.create_table(
        "portal_user",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=True),
        sa.Column("password_digest", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", BIG, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_portal_user")),
        sa.UniqueConstraint("name", name=op.f("uq_portal_user_name")),
    )
    op.create_table(
        "received_study",
        sa.Column("study_uid", BYTEWISE, nullable=False),
        sa.Column("last_received", BIG, nullable=False),
        sa.Column("filed_until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name=op.f("pk_received_study")),
    )
    op.create_index("ix_received_study_last", "received_study", ["last_received"], unique=False)
    op.create_table(
        "resource",
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", BYTEWISE, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("last_updated", BIG, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("custodian", sa.Text(), nullable=True),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.Column("patient_count", sa.SmallInteger(), nullable=False),
        sa.Column("sealed", sa.SmallInteger(), nullable=False),
        sa.Column("composed", sa.Boolean(), nullable=False),
        sa.Column("index_version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("resource_key", name=op.f("pk_resource")),
    )
    op.create_index("ix_resource_patient", "resource", ["patient_id", "resource_type", "resource_key"], unique=False)
    op.create_index("ix_resource_type_key", "resource", ["resource_type", "resource_key"], unique=False)
    op.create_index(
        "ix_resource_type_updated", "resource", ["resource_type", "last_updated", "resource_key"], unique=False
    )
    op.create_index("uq_resource_type_id", "resource", ["resource_type", "resource_id"], unique=True)
    op.create_table(
        "resource_patient",
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=False),
        sa.PrimaryKeyConstraint("resource_key", "patient_id", name=op.f("pk_resource_patient")),
    )
    op.create_index("ix_resource_patient_patient", "resource_patient", ["patient_id", "resource_key"], unique=False)
    op.create_table(
        "resource_version",
        sa.Column("resource_key", BIG, autoincrement=False, nullable=False),
        sa.Column("version_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_updated", BIG, autoincrement=False, nullable=False),
        sa.Column("transaction_id", BIG, nullable=False),
        sa.Column("change_number", BIG, nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", BYTEWISE, nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("custodian", sa.Text(), nullable=True),
        sa.Column("patient_id", BYTEWISE, nullable=True),
        sa.Column("patient_ids", sa.Text(), nullable=True),
        sa.Column("sealed", sa.SmallInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("resource_key", "version_id", "last_updated", name=op.f("pk_resource_version")),
        postgresql_partition_by="RANGE (last_updated)",
    )
    op.create_index("ix_resource_version_change", "resource_version", ["transaction_id", "change_number"], unique=False)
    op.create_index(
        "ix_resource_version_type_change",
        "resource_version",
        ["resource_type", "transaction_id", "change_number"],
        unique=False,
    )
    op.create_table(
        "retired_patient",
        sa.Column("patient_id", BYTEWISE, nullable=False),
        sa.Column("replaced_by", BYTEWISE, nullable=False),
        sa.Column("retired_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_retired_patient")),
    )
    op.create_index("ix_retired_patient_replaced_by", "retired_patient", ["replaced_by"], unique=False)
    op.create_table(
        "schema_info",
        sa.Column("only", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("oldest_code", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_schema_info")),
    )
    op.create_table(
        "shared_secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_shared_secret")),
    )
    op.create_table(
        "source_identity",
        sa.Column("system", BYTEWISE, nullable=False),
        sa.Column("value", BYTEWISE, nullable=False),
        sa.Column("custodian", BYTEWISE, nullable=False),
        sa.Column("patient_id", BYTEWISE, nullable=False),
        sa.Column("home_patient_id", BYTEWISE, nullable=False),
        sa.Column("merged", sa.Boolean(), nullable=False),
        sa.Column("nhs_number", BYTEWISE, nullable=False),
        sa.Column("birth_date", BYTEWISE, nullable=False),
        sa.Column("contradicts_itself", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "value", name=op.f("pk_source_identity")),
    )
    op.create_index("ix_source_identity_home", "source_identity", ["home_patient_id"], unique=False)
    op.create_index("ix_source_identity_nhs", "source_identity", ["nhs_number"], unique=False)
    op.create_index("ix_source_identity_patient", "source_identity", ["patient_id"], unique=False)
    op.create_table(
        "spool_position",
        sa.Column("writer_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("offset", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("updated", BIG, nullable=False),
        sa.PrimaryKeyConstraint("writer_number", name=op.f("pk_spool_position")),
        sa.UniqueConstraint("writer", name=op.f("uq_spool_position_writer")),
    )
    op.create_table(
        "stored_instance",
        sa.Column("instance_uid", BYTEWISE, nullable=False),
        sa.Column("series_uid", BYTEWISE, nullable=False),
        sa.Column("study_uid", BYTEWISE, nullable=False),
        sa.Column("sop_class_uid", sa.Text(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("patient_issuer", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        sa.Column("accession_issuer", sa.Text(), nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("instance_uid", name=op.f("pk_stored_instance")),
    )
    op.create_index("ix_stored_instance_study", "stored_instance", ["study_uid", "series_uid"], unique=False)
    op.create_table(
        "study_location",
        sa.Column("study_uid", BYTEWISE, nullable=False),
        sa.Column("endpoint_id", BYTEWISE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("series_count", sa.Integer(), nullable=False),
        sa.Column("instance_count", sa.Integer(), nullable=False),
        sa.Column("study_date", BYTEWISE, nullable=False),
        sa.Column("local_patient_id", sa.Text(), nullable=False),
        sa.Column("patient_issuer", sa.Text(), nullable=False),
        sa.Column("rows_hash", sa.Text(), nullable=False),
        sa.Column("verified_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "endpoint_id", name=op.f("pk_study_location")),
    )
    op.create_index("ix_study_location_endpoint", "study_location", ["endpoint_id", "study_date"], unique=False)
    op.create_table(
        "trust",
        sa.Column("ods", BYTEWISE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", BIG, nullable=False),
        sa.Column("valid_to", BIG, nullable=True),
        sa.Column("successor", BYTEWISE, nullable=True),
        sa.PrimaryKeyConstraint("ods", name=op.f("pk_trust")),
    )
    op.create_table(
        "uri",
        sa.Column("uri_number", BIG, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uri_number", name=op.f("pk_uri")),
        sa.UniqueConstraint("uri", name=op.f("uq_uri_uri")),
    )
    op.create_table(
        "used_assertion",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti", name=op.f("pk_used_assertion")),
    )
    op.create_table(
        "written_disclosure",
        sa.Column("disclosure_id", BYTEWISE, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("disclosure_id", name=op.f("pk_written_disclosure")),
    )
