"""Accounts: API clients and their tokens, portal users and their sessions. Secrets are stored as digests only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from fhir_server.storage.tables.base import Blob, Instant, metadata

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_digest", Text),  # argon2; null: private_key_jwt only
    Column("jwks", Text),  # JSON Web Key Set with the public keys of private_key_jwt
    Column("scope", Text, nullable=False),
    Column("trust", Text),
    Column("created_at", Instant, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

access_token = Table(
    "access_token",
    metadata,
    Column("token_sha256", Blob, primary_key=True),
    Column("token_id", Text, nullable=False),  # names the token in disclosures
    Column("client_id", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("patient_id", Text),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Index("ix_access_token_expires", "expires_at"),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    # The `jti` of each client assertion, so that none is taken twice (RFC 7523 section 3).
    Column("client_id", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", Instant, nullable=False),
)

portal_user = Table(
    "portal_user",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # what the person signs in with
    Column("display_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("trust", Text),
    Column("password_digest", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Instant, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

portal_session = Table(
    "portal_session",
    metadata,
    Column("session_sha256", Blob, primary_key=True),
    Column("session_id", Text, nullable=False),  # names the session in disclosures
    Column("user_id", Text, nullable=False),
    Column("csrf_token", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended", Boolean, nullable=False),
    Index("ix_portal_session_user", "user_id"),
)
