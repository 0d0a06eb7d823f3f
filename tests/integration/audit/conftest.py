"""A migrated store on each database, and a spool folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from fhir_server.storage.database import Database
from fhir_server.storage.migrate import migrate
from fhir_server.storage.tables import disclosure as tables
from fhir_server.storage.unit_of_work import Storage


@pytest.fixture(scope="module")
def _module_storage(database_url: str) -> Iterator[Storage]:
    database = Database(database_url)
    migrate(database)
    yield Storage(database)
    database.close()


@pytest.fixture
def storage(_module_storage: Storage) -> Storage:
    """A store with an empty audit trail."""
    with _module_storage.database.engine.begin() as connection:
        for table in (
            tables.disclosure,
            tables.disclosed_version,
            tables.spool_position,
            tables.written_disclosure,
            tables.disclosure_checkpoint,
        ):
            connection.execute(delete(table))
    return _module_storage


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"
