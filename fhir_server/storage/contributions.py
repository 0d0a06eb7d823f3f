"""Contributions in the database, and the resources that their business keys stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.fhir.documents import decode, encode
from fhir_server.storage.contribution_rows import Contribution, Name
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.tables.contribution import contribution, contribution_alias, contribution_reference
from fhir_server.storage.tables.resource import business_key

_COLUMNS = list(contribution.c)


def add(connection: Connection, rows: Sequence[Contribution]) -> None:
    """Add contributions; one with an id that is known already replaces it."""
    if not rows:
        return
    known = select(contribution.c.contribution_id).where(
        contribution.c.contribution_id.in_([r.contribution_id for r in rows])
    )
    _delete(connection, connection.execute(known).scalars().all())
    connection.execute(insert(contribution), [_values(r) for r in rows])
    aliases = [a for r in rows for a in _alias_values(r)]
    if aliases:
        connection.execute(insert(contribution_alias), aliases)
    references = [v for r in rows for v in _reference_values(r)]
    if references:
        connection.execute(insert(contribution_reference), references)


def find(connection: Connection, contribution_id: str) -> Contribution | None:
    """The contribution with this id."""
    found = _load(connection, contribution.c.contribution_id == contribution_id)
    return found[0] if found else None


def of_message(connection: Connection, message_id: str) -> list[Contribution]:
    """What the message has said so far: empty unless it was filed before."""
    return _load(connection, contribution.c.message_id == message_id)


def of_names(connection: Connection, resource_type: str, names: Iterable[Name]) -> list[Contribution]:
    """The contributions keyed by any of the names."""
    wanted = sorted(set(names))
    if not wanted:
        return []
    return _load(
        connection, and_(contribution.c.resource_type == resource_type, _is_one_of(contribution, "key", wanted))
    )


def of_subject(connection: Connection, subject: Name) -> list[tuple[str, Name]]:
    """(resource type, name) of everything that was said about a source identity: keys and aliases."""
    c, a = contribution.c, contribution_alias.c
    is_about = and_(c.subject_system == subject.system, c.subject_value == subject.value)
    keys = select(c.resource_type, c.key_system, c.key_value).where(is_about)
    joined = contribution_alias.join(contribution, a.contribution_id == c.contribution_id)
    aliases = select(a.resource_type, a.alias_system, a.alias_value).select_from(joined).where(is_about)
    return [(row[0], Name(row[1], row[2])) for row in connection.execute(keys.union(aliases))]


def stronger_names(connection: Connection, resource_type: str, names: Iterable[Name]) -> set[tuple[Name, Name]]:
    """(alias, key) of everything that says it is also known by one of the names."""
    wanted = sorted(set(names))
    if not wanted:
        return set()
    c = contribution_alias.c
    statement = select(c.alias_system, c.alias_value, c.key_system, c.key_value).distinct()
    statement = statement.where(c.resource_type == resource_type, _is_one_of(contribution_alias, "alias", wanted))
    return {(Name(a, b), Name(k, v)) for a, b, k, v in connection.execute(statement)}


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """Forget contributions, e.g. what a message said before it was filed again."""
    _delete(connection, ids)


def _delete(connection: Connection, ids: Sequence[str]) -> None:
    if ids:
        connection.execute(delete(contribution_alias).where(contribution_alias.c.contribution_id.in_(ids)))
        connection.execute(delete(contribution_reference).where(contribution_reference.c.contribution_id.in_(ids)))
        connection.execute(delete(contribution).where(contribution.c.contribution_id.in_(ids)))


def set_event_time(connection: Connection, contribution_id: str, event_time: int, message_time: int) -> None:
    """A mention that was made earlier than was known."""
    statement = update(contribution).where(contribution.c.contribution_id == contribution_id)
    connection.execute(statement.values(event_time=event_time, message_time=message_time))


def _is_one_of(table: Any, prefix: str, names: Sequence[Name]) -> Any:
    system, value = table.c[f"{prefix}_system"], table.c[f"{prefix}_value"]
    if len(names) == 1:
        return and_(system == names[0].system, value == names[0].value)
    return tuple_(system, value).in_([tuple(n) for n in names])


def _load(connection: Connection, where: Any) -> list[Contribution]:
    rows = connection.execute(select(*_COLUMNS).where(where)).all()
    aliases: dict[str, list[Name]] = {}
    ids = [row.contribution_id for row in rows]
    if ids:
        c = contribution_alias.c
        for row in connection.execute(select(contribution_alias).where(c.contribution_id.in_(ids))):
            aliases.setdefault(row.contribution_id, []).append(Name(row.alias_system, row.alias_value))
    return [_contribution(row, tuple(sorted(aliases.get(row.contribution_id, ())))) for row in rows]


def _contribution(row: Row[Any], aliases: tuple[Name, ...]) -> Contribution:
    said = decode(row.fragment)
    return Contribution(
        contribution_id=row.contribution_id,
        resource_type=row.resource_type,
        key=Name(row.key_system, row.key_value),
        content=said["content"],
        event_time=row.event_time,
        message_time=row.message_time,
        status_rank=row.status_rank,
        authoritative=bool(row.authoritative),
        retracted=bool(row.retracted),
        aliases=aliases,
        subject=Name(row.subject_system, row.subject_value),
        source=row.source,
        custodian=row.custodian,
        message_id=row.message_id,
        digest=row.digest,
        accumulates=tuple(said.get("accumulates", ())),
        report_lines=tuple(said.get("report_lines", ())),
    )


def _values(row: Contribution) -> dict[str, Any]:
    kept = ("contribution_id", "resource_type", "event_time", "message_time", "status_rank", "authoritative",
            "retracted", "source", "custodian", "message_id", "digest")  # fmt: skip
    return {k: getattr(row, k) for k in kept} | {
        "key_system": row.key.system,
        "key_value": row.key.value,
        "subject_system": row.subject.system,
        "subject_value": row.subject.value,
        "fragment": encode(_said(row)),
    }


def _said(row: Contribution) -> dict[str, Any]:
    said: dict[str, Any] = {"content": row.content}
    if row.accumulates:
        said["accumulates"] = row.accumulates
    if row.report_lines:
        said["report_lines"] = row.report_lines
    return said


def _alias_values(row: Contribution) -> list[dict[str, Any]]:
    return [
        {
            "contribution_id": row.contribution_id, "resource_type": row.resource_type,
            "alias_system": alias.system, "alias_value": alias.value,
            "key_system": row.key.system, "key_value": row.key.value,
        }
        for alias in row.aliases
    ]  # fmt: skip


def _reference_values(row: Contribution) -> list[dict[str, Any]]:
    return [
        {
            "contribution_id": row.contribution_id,
            "resource_type": row.resource_type,
            "target_type": target_type,
            "target_system": target.system,
            "target_value": target.value,
            "key_system": row.key.system,
            "key_value": row.key.value,
        }
        for target_type, target in row.refers_to
    ]


def find_resource_id(connection: Connection, resource_type: str, name: Name) -> str | None:
    """The logical id that the business key stands for."""
    c = business_key.c
    statement = select(c.resource_id).where(
        c.resource_type == resource_type, c.system == name.system, c.value == name.value
    )
    return connection.execute(statement).scalar_one_or_none()


def get_or_create_resource_id(connection: Connection, resource_type: str, name: Name, proposed: str = "") -> str:
    """The logical id of the business key; a new one (or `proposed`) when it has none.

    Of two transactions that want the same key the second waits for the first and gets its id.
    """
    found = find_resource_id(connection, resource_type, name)
    if found is not None:
        return found
    values = {"resource_type": resource_type, **name._asdict(), "resource_id": proposed or new_resource_id()}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(business_key).values(values).on_conflict_do_nothing()
    connection.execute(statement)
    return find_resource_id(connection, resource_type, name) or str(values["resource_id"])


def forget_key(connection: Connection, resource_type: str, name: Name) -> None:
    """The business key no longer names a resource of its own."""
    c = business_key.c
    connection.execute(
        delete(business_key).where(c.resource_type == resource_type, c.system == name.system, c.value == name.value)
    )


def keys_of(connection: Connection, resource_type: str, resource_id: str) -> list[Name]:
    """The business keys that stand for the resource."""
    c = business_key.c
    statement = select(c.system, c.value).where(c.resource_type == resource_type, c.resource_id == resource_id)
    return [Name(*row) for row in connection.execute(statement)]


def referrers(connection: Connection, resource_type: str, names: Iterable[Name]) -> set[tuple[str, Name]]:
    """(resource type, key) of everything that refers to a thing by one of the names."""
    wanted = sorted(set(names))
    if not wanted:
        return set()
    c = contribution_reference.c
    statement = select(c.resource_type, c.key_system, c.key_value).distinct()
    statement = statement.where(c.target_type == resource_type, _is_one_of(contribution_reference, "target", wanted))
    return {(row[0], Name(row[1], row[2])) for row in connection.execute(statement)}
