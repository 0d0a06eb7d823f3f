"""The dictionary of namespaces: a number that was rolled back is never used again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_server.storage.database import Connection, Database
from fhir_server.storage.inbox import back_to_savepoint, savepoint
from fhir_server.storage.unit_of_work import Storage

SYSTEM = "https://region.example/never-seen-before"


class _Rollback(Exception):
    pass


@pytest.fixture
def storage(store_url: str) -> Iterator[Storage]:
    database = Database(store_url)
    yield Storage(database)
    database.close()


def test_number_of_a_rolled_back_transaction_is_not_remembered(storage: Storage):
    def fail(connection: Connection) -> None:
        added: set[str] = set()
        storage.uris.numbers(connection, {f"{SYSTEM}/1"}, added)
        storage.uris.numbers(connection, {f"{SYSTEM}/1"}, added)  # as the second resource of a transaction does
        raise _Rollback

    with pytest.raises(_Rollback):
        storage.database.write(fail)
    assert _number(storage, f"{SYSTEM}/1") == _number(Storage(storage.database), f"{SYSTEM}/1")


def test_number_of_a_savepoint_that_was_undone_is_not_remembered(storage: Storage):
    def work(connection: Connection) -> int:
        added: set[str] = set()
        savepoint(connection)
        storage.uris.numbers(connection, {f"{SYSTEM}/2"}, added)
        back_to_savepoint(connection)
        storage.uris.numbers(connection, {f"{SYSTEM}/2"}, added)
        return storage.uris.numbers(connection, {f"{SYSTEM}/2"}, added)[f"{SYSTEM}/2"]

    assert storage.database.write(work) == _number(Storage(storage.database), f"{SYSTEM}/2")


def _number(storage: Storage, name: str) -> int:
    return storage.database.write(lambda c: storage.uris.numbers(c, {name}, set())[name])
