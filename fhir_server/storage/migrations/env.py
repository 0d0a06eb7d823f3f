"""Alembic's environment: runs on the connection that storage/migrate hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from fhir_server.storage.schema import whole_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=whole_metadata(),
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
