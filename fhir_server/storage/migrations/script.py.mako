"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
from fhir_server.storage.schema_record import record_schema

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
    # oldest_code stays as it was unless this migration takes something away.
    record_schema(op.get_bind(), ${int(up_revision)}, oldest_code=...)
