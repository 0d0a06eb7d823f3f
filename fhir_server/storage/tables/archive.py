"""Registered archives: where a trust's pixels are asked for. Inner addresses live here, never in FHIR."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Text

from fhir_server.storage.tables.base import Bytewise, Instant, metadata

archive = Table(
    "archive",
    metadata,
    Column("endpoint_id", Bytewise, primary_key=True),  # the logical id of its Endpoint resource
    Column("name", Text, nullable=False, unique=True),
    Column("trust", Text, nullable=False),
    Column("kind", Text, nullable=False),  # dicom-wado-rs, dimse, image-store
    Column("address", Text, nullable=False),
    Column("aet", Text, nullable=False),  # the archive's AE title; "" when it speaks DICOMweb only
    Column("patient_issuer", Text, nullable=False),
    Column("accession_issuer", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("enabled", Boolean, nullable=False),
)
