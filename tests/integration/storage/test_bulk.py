"""Bulk inserts on both databases behave as other inserts do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from fhir_server.errors import Unavailable
from fhir_server.storage.bulk import insert_rows
from fhir_server.storage.database import Database
from fhir_server.storage.migrate import migrate
from fhir_server.storage.tables.disclosure import disclosed_version, written_disclosure

COLUMNS = [column.name for column in disclosed_version.columns]


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


def _insert(database: Database, *rows: tuple[Any, ...]) -> None:
    database.write(lambda connection: insert_rows(connection, disclosed_version, COLUMNS, rows))


def _rows(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(select(disclosed_version))]


def test_rows_come_back_as_they_were_inserted(database: Database) -> None:
    rows = [(2**50, 1, 2**40, 0, "Patient", "ünï\tcode\\N", 1, None), (2**50, 1, 2**40, 1, "Task", "t", 2, "p1")]
    _insert(database, *rows)
    assert sorted(_rows(database)) == rows


def test_no_rows_are_no_work(database: Database) -> None:
    _insert(database)


def test_row_that_is_there_already_is_an_integrity_error_and_nothing_stays(database: Database) -> None:
    before = _rows(database)
    new, repeated = (1, 1, 1, 0, "Patient", "p", 1, None), (2**50, 1, 2**40, 0, "Patient", "p", 1, None)

    def work(connection: Connection) -> None:
        with pytest.raises(IntegrityError):
            insert_rows(connection, disclosed_version, COLUMNS, [new, repeated])
        raise Unavailable("give up")

    with pytest.raises(Unavailable):
        database.write(work)
    assert _rows(database) == before


def test_bytes_are_inserted_as_they_are(database: Database) -> None:
    payload = bytes(range(256))

    def work(connection: Connection) -> None:
        insert_rows(connection, written_disclosure, ["disclosure_id", "payload"], [("d1", payload)])

    database.write(work)
    with database.read() as connection:
        assert connection.execute(select(written_disclosure.c.payload)).scalar_one() == payload
