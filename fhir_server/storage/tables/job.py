"""Background work: periodic jobs with the lease under which exactly one process runs each (design decision 18)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from fhir_server.storage.tables.base import Instant, metadata

periodic_job = Table(
    "periodic_job",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_run", Instant, nullable=False),
    # The lease: who runs it now and until when; a holder that dies lets it run out.
    Column("holder", Text),
    Column("lease_until", Instant, nullable=False),
    Column("started", Instant),
    Column("finished", Instant),
    Column("failures", Integer, nullable=False),  # in a row
    Column("problem", Text, nullable=False),  # class of the last error, never its text
)
