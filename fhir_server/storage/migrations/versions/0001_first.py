"""The first schema."""

from __future__ import annotations

import time

from alembic import op

from fhir_server.storage.schema import create_schema
from fhir_server.storage.schema_record import record_schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_schema(op.get_bind(), time.time_ns() // 1000)
    record_schema(op.get_bind(), 1, oldest_code=1)
