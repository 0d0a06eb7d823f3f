"""Partitions on a real PostgreSQL: rows land in theirs, and strays move when theirs is made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from fhir_server.storage.database import Database
from fhir_server.storage.migrate import migrate
from fhir_server.storage.partitions import due_partitions, ensure_partitions
from fhir_server.storage.schema import whole_metadata
from fhir_server.storage.tables.disclosure import disclosed_version

YEAR_US = 366 * 86400 * 1_000_000


@pytest.fixture(scope="module")
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    migrate(database)
    yield database
    database.close()


def _add(database: Database, recorded: int) -> None:
    names = {"recorded": recorded, "writer_number": 1, "position": recorded, "ordinal": 0}
    values: dict[str, Any] = names | {"resource_type": "Patient", "resource_id": "p", "version_id": 1}
    database.write(lambda connection: connection.execute(insert(disclosed_version), values))


def _home(database: Database, recorded: int) -> str:
    query = text("SELECT tableoid::regclass::text FROM disclosed_version WHERE recorded = :recorded")
    with database.read() as connection:
        return str(connection.execute(query, {"recorded": recorded}).scalar_one())


def _ensure(database: Database, now: int) -> list[str]:
    def work(connection: Connection) -> list[str]:
        return ensure_partitions(connection, whole_metadata(), now)

    return database.write(work)


def test_row_of_today_lands_in_the_partition_of_this_month(database: Database) -> None:
    now = time.time_ns() // 1000
    _add(database, now)
    assert _home(database, now) == due_partitions("disclosed_version", "recorded", now)[1].name


def test_row_without_a_partition_is_kept_and_moved_to_its_own_later(database: Database) -> None:
    later = time.time_ns() // 1000 + 3 * YEAR_US
    _add(database, later)
    assert _home(database, later) == "disclosed_version_default"
    made = _ensure(database, later)
    assert _home(database, later) in made
    assert _home(database, later) != "disclosed_version_default"


def test_partitions_that_exist_are_left_alone(database: Database) -> None:
    now = time.time_ns() // 1000
    assert _ensure(database, now) == []


def test_partition_has_the_indexes_of_its_table(database: Database) -> None:
    names = text("SELECT count(*) FROM pg_indexes WHERE tablename = :table")
    with database.read() as connection:
        table = _home(database, connection.execute(text("SELECT min(recorded) FROM disclosed_version")).scalar_one())
        assert connection.execute(names, {"table": table}).scalar() == 3
