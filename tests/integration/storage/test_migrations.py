"""Migrations on both databases: from empty to this code's schema, once, and refusing what does not fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text, update

from fhir_server.storage.database import Database
from fhir_server.storage.migrate import SCHEMA_VERSION, SchemaMismatch, check_schema, migrate
from fhir_server.storage.schema import whole_metadata
from fhir_server.storage.tables.schema import schema_info
from fhir_server.storage.unit_of_work import NewVersion, Storage

CHILD_TABLES = "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def test_empty_database_is_refused_with_what_to_run(database: Database) -> None:
    with pytest.raises(SchemaMismatch, match="imaging-record migrate"):
        check_schema(database)


def test_processes_that_migrate_at_once_make_one_schema(database_url: str) -> None:
    problems: list[BaseException] = []

    def run() -> None:
        try:
            assert migrate(Database(database_url)) == SCHEMA_VERSION
        except BaseException as error:  # noqa: BLE001
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_migrations_give_the_same_structure_as_metadata(database: Database) -> None:
    migrate(database)
    check_schema(database)
    with database.read() as connection:
        children = set() if database.is_sqlite else set(connection.execute(text(CHILD_TABLES)).scalars())

        def is_ours(_item: object, name: str | None, kind: str, _reflected: bool, _compare: object) -> bool:
            return not (kind == "table" and name in children | {"alembic_version"})

        options = {"include_object": is_ours, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, whole_metadata()) == []


def test_every_table_that_says_so_is_partitioned_on_postgresql(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no partitions")
    declared = {t.name for t in whole_metadata().sorted_tables if "partition_by" in t.info}
    with database.read() as connection:
        partitioned = set(
            connection.execute(text("SELECT partrelid::regclass::text FROM pg_partitioned_table")).scalars()
        )
        defaults = {n for n in inspect(connection).get_table_names() if n.endswith("_default")}
    assert partitioned == declared >= {"resource_version", "disclosure", "disclosed_version"}
    assert defaults == {f"{name}_default" for name in declared}


def test_version_is_stored_in_migrated_database(database: Database) -> None:
    storage = Storage(database)
    new = NewVersion("Basic", "b1", 1, "POST", b"{}")
    stored = database.write(lambda connection: storage.unit_of_work(connection).store(new))
    assert stored.version_id == 1


def test_code_older_than_the_schema_allows_is_refused(database: Database) -> None:
    _set_schema(database, SCHEMA_VERSION + 2, SCHEMA_VERSION + 1)
    with pytest.raises(SchemaMismatch, match="newer release"):
        check_schema(database)
    with pytest.raises(SchemaMismatch, match="newer release"):
        migrate(database)


def test_newer_schema_that_still_takes_this_code_is_accepted(database: Database) -> None:
    _set_schema(database, SCHEMA_VERSION + 1, SCHEMA_VERSION)
    check_schema(database)
    assert migrate(database) == SCHEMA_VERSION + 1


def test_schema_older_than_the_code_is_refused_until_migrated(database: Database) -> None:
    _set_schema(database, SCHEMA_VERSION - 1, SCHEMA_VERSION - 1)
    with pytest.raises(SchemaMismatch, match="run `imaging-record migrate`"):
        check_schema(database)


def _set_schema(database: Database, version: int, oldest_code: int) -> None:
    values = {"schema_version": version, "oldest_code": oldest_code}
    database.write(lambda connection: connection.execute(update(schema_info).values(values)))
