"""Contributions in the database: what sources said, under which names, and who refers to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, select, tuple_

from fhir_server.fhir.documents import decode, encode
from fhir_server.storage.contribution_rows import Contribution, KnownContribution, Name, Thing
from fhir_server.storage.tables.contribution import contribution, contribution_alias, contribution_reference

_C, _A, _R = contribution.c, contribution_alias.c, contribution_reference.c
_ALL = select(*contribution.c)
_THINGS: Any = bindparam("things", expanding=True)
_IDS: Any = bindparam("ids", expanding=True)

# Built once: the statements of the hot path cost nothing to construct.
_OF_THINGS = _ALL.where(tuple_(_C.resource_type, _C.key_system, _C.key_value).in_(_THINGS))
_OF_MESSAGE = _ALL.where(_C.message_id == bindparam("message_id"))
_CLAIMS = (
    select(_A.resource_type, _A.alias_system, _A.alias_value, _A.key_system, _A.key_value)
    .distinct()
    .where(tuple_(_A.resource_type, _A.alias_system, _A.alias_value).in_(_THINGS))
)
_REFERRERS = (
    select(_R.resource_type, _R.key_system, _R.key_value)
    .distinct()
    .where(tuple_(_R.target_type, _R.target_system, _R.target_value).in_(_THINGS))
)
_KNOWN = select(_C.contribution_id, _C.event_time, _C.message_time, _C.digest, _C.retracted).where(
    _C.contribution_id.in_(_IDS)
)
_INSERT, _INSERT_ALIAS, _INSERT_REFERENCE = (
    insert(contribution), insert(contribution_alias), insert(contribution_reference),
)  # fmt: skip
_DELETES = tuple(
    delete(t).where(t.c.contribution_id.in_(_IDS)) for t in (contribution, contribution_alias, contribution_reference)
)


def add(connection: Connection, rows: Sequence[Contribution]) -> None:
    """Add contributions that are not there."""
    for statement, values in (
        (_INSERT, [_values(r) for r in rows]),
        (_INSERT_ALIAS, [v for r in rows for v in _alias_values(r)]),
        (_INSERT_REFERENCE, [v for r in rows for v in _reference_values(r)]),
    ):
        if values:
            connection.execute(statement, values)


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """Forget contributions, e.g. what a message said before it was filed again."""
    for statement in _DELETES if ids else ():
        connection.execute(statement, {"ids": list(ids)})


def known(connection: Connection, ids: Sequence[str]) -> dict[str, KnownContribution]:
    """Those of the contributions with these ids that are there."""
    if not ids:
        return {}
    rows = connection.execute(_KNOWN, {"ids": list(ids)})
    return {row[0]: KnownContribution(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows}


def of_message(connection: Connection, message_id: str) -> list[Contribution]:
    """What the message has said so far: empty unless it was filed before."""
    return [_contribution(row) for row in connection.execute(_OF_MESSAGE, {"message_id": message_id})]


def of_things(connection: Connection, things: Iterable[Thing]) -> list[Contribution]:
    """What was said under the keys of the things."""
    return [_contribution(row) for row in connection.execute(_OF_THINGS, {"things": _wanted(things)})]


def of_names(connection: Connection, resource_type: str, names: Iterable[Name]) -> list[Contribution]:
    """What was said under any of the keys."""
    things = [(resource_type, name) for name in names]
    return of_things(connection, things) if things else []


def claims(connection: Connection, things: Iterable[Thing]) -> set[tuple[Thing, Name]]:
    """(thing, key): what is keyed so says that it is also known by the thing's name."""
    rows = connection.execute(_CLAIMS, {"things": _wanted(things)})
    return {((t, Name(a, b)), Name(k, v)) for t, a, b, k, v in rows}


def referrers(connection: Connection, things: Iterable[Thing]) -> set[Thing]:
    """Everything that refers to one of the things by its name."""
    wanted = _wanted(things)
    if not wanted:
        return set()
    return {(row[0], Name(row[1], row[2])) for row in connection.execute(_REFERRERS, {"things": wanted})}


def of_subject(connection: Connection, subject: Name) -> list[Thing]:
    """Everything that was said about a source identity: keys and aliases."""
    is_about = and_(_C.subject_system == subject.system, _C.subject_value == subject.value)
    keys = select(_C.resource_type, _C.key_system, _C.key_value).where(is_about)
    joined = contribution_alias.join(contribution, _A.contribution_id == _C.contribution_id)
    aliases = select(_A.resource_type, _A.alias_system, _A.alias_value).select_from(joined).where(is_about)
    return [(row[0], Name(row[1], row[2])) for row in connection.execute(keys.union(aliases))]


def _wanted(things: Iterable[Thing]) -> list[tuple[str, str, str]]:
    return sorted({(resource_type, *name) for resource_type, name in things})


def _contribution(row: Row[Any]) -> Contribution:
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
        aliases=tuple(Name(*alias) for alias in said.get("aliases", ())),
        subject=Name(row.subject_system, row.subject_value),
        source=row.source,
        custodian=row.custodian,
        message_id=row.message_id,
        sequence=row.sequence,
        digest=row.digest,
        accumulates=tuple(said.get("accumulates", ())),
        report_lines=tuple(said.get("report_lines", ())),
    )


_PLAIN = (
    "contribution_id", "resource_type", "event_time", "message_time", "status_rank", "authoritative", "retracted",
    "source", "custodian", "message_id", "sequence", "digest",
)  # fmt: skip


def _values(row: Contribution) -> dict[str, Any]:
    return {k: getattr(row, k) for k in _PLAIN} | {
        "key_system": row.key.system,
        "key_value": row.key.value,
        "subject_system": row.subject.system,
        "subject_value": row.subject.value,
        "fragment": encode(_said(row)),
    }


def _said(row: Contribution) -> dict[str, Any]:
    said: dict[str, Any] = {"content": row.content}
    for name in ("aliases", "accumulates", "report_lines"):
        if value := getattr(row, name):
            said[name] = value
    return said


def _alias_values(row: Contribution) -> list[dict[str, Any]]:
    key = {"key_system": row.key.system, "key_value": row.key.value}
    return [
        {
            "contribution_id": row.contribution_id, "resource_type": row.resource_type,
            "alias_system": alias.system, "alias_value": alias.value, **key,
        }
        for alias in row.aliases
    ]  # fmt: skip


def _reference_values(row: Contribution) -> list[dict[str, Any]]:
    key = {"key_system": row.key.system, "key_value": row.key.value}
    return [
        {
            "contribution_id": row.contribution_id, "resource_type": row.resource_type, "target_type": target_type,
            "target_system": target.system, "target_value": target.value, **key,
        }
        for target_type, target in row.refers_to
    ]  # fmt: skip
