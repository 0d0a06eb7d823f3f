"""Business keys: which logical id a thing has, exactly one however many transactions ask at once (decision 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.storage.contribution_rows import Name, Thing
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.tables.resource import business_key
from fhir_server.storage.unit_of_work import UnitOfWork

_B = business_key.c
_OF_THINGS = select(_B.resource_type, _B.system, _B.value, _B.resource_id).where(
    tuple_(_B.resource_type, _B.system, _B.value).in_(bindparam("things", expanding=True))
)
_OF_RESOURCE = select(_B.system, _B.value).where(
    _B.resource_type == bindparam("resource_type"), _B.resource_id == bindparam("resource_id")
)
_FORGET = delete(business_key).where(
    _B.resource_type == bindparam("t"), _B.system == bindparam("s"), _B.value == bindparam("v")
)
_INSERTS: dict[str, Any] = {
    "sqlite": sqlite.insert(business_key).on_conflict_do_nothing().returning(_B.resource_id),
    "postgresql": postgresql.insert(business_key).on_conflict_do_nothing().returning(_B.resource_id),
}
_LOCK = text(
    "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) "
    "FROM (SELECT name FROM unnest(CAST(:names AS text[])) AS name ORDER BY name) AS ordered"
)


def find_ids(connection: Connection, things: Iterable[Thing]) -> dict[Thing, str]:
    """The logical ids of those things that have one."""
    wanted = sorted({(resource_type, *name) for resource_type, name in things})
    if not wanted:
        return {}
    rows = connection.execute(_OF_THINGS, {"things": wanted})
    return {(row[0], Name(row[1], row[2])): row[3] for row in rows}


def find_id(connection: Connection, resource_type: str, name: Name) -> str | None:
    """The logical id that the business key stands for."""
    return find_ids(connection, [(resource_type, name)]).get((resource_type, name))


def create_id(connection: Connection, resource_type: str, name: Name, proposed: str = "") -> tuple[str, bool]:
    """The logical id of a key that had none a moment ago: a new one (or `proposed`), and whether it is ours.

    Of two transactions that want the same key the second waits for the first and gets its id.
    """
    resource_id = proposed or new_resource_id()
    values = {"resource_type": resource_type, **name._asdict(), "resource_id": resource_id}
    if connection.execute(_INSERTS[connection.dialect.name], values).first() is not None:
        return resource_id, True
    return find_id(connection, resource_type, name) or resource_id, False


def get_or_create_id(connection: Connection, resource_type: str, name: Name, proposed: str = "") -> str:
    """The logical id of the key; a new one (or `proposed`) when it has none."""
    found = find_id(connection, resource_type, name)
    return found if found is not None else create_id(connection, resource_type, name, proposed)[0]


def forget(connection: Connection, resource_type: str, name: Name) -> None:
    """The business key no longer names a resource of its own."""
    connection.execute(_FORGET, {"t": resource_type, "s": name.system, "v": name.value})


def names_of(connection: Connection, resource_type: str, resource_id: str) -> list[Name]:
    """The business keys that stand for the resource."""
    rows = connection.execute(_OF_RESOURCE, {"resource_type": resource_type, "resource_id": resource_id})
    return [Name(*row) for row in rows]


def lock_names(uow: UnitOfWork, names: Iterable[str]) -> None:
    """As `UnitOfWork.lock`, in one statement however many names there are."""
    wanted = sorted(set(names))
    if wanted and not uow.storage.database.is_sqlite:
        uow.connection.execute(_LOCK, {"names": wanted})
