"""Find disclosures, newest first, by keyset (design decision 15: audit is searched where it is filed)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select, tuple_

from fhir_server.storage.disclosures import Connection, DisclosureRow
from fhir_server.storage.tables.disclosure import disclosed_version, disclosure

_COLUMNS = [disclosure.c[name] for name in DisclosureRow._fields[:-1]]
_KEY = ("recorded", "writer_number", "position")
_Start = tuple[int, int, int] | None


@dataclass(frozen=True)
class DisclosureQuery:
    """What disclosures to find; None means any. Times are microseconds UTC, `low` inclusive and `high` exclusive.

    `entities` are (resource type, resource id); a Patient entity also matches what is about the patient. Each of
    `patients` and `entities` is one condition of alternatives, and all conditions must hold.
    """

    low: int | None = None
    high: int | None = None
    patients: tuple[frozenset[str], ...] = ()
    entities: tuple[frozenset[tuple[str, str]], ...] = ()
    callers: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    outcomes: frozenset[str] | None = None
    interactions: frozenset[str] | None = None
    interactions_excluded: frozenset[str] = frozenset()
    keys: frozenset[tuple[int, int]] | None = None  # writer number and position


def find_disclosures(connection: Connection, query: DisclosureQuery, start: _Start, limit: int) -> list[DisclosureRow]:
    """At most `limit` disclosures from `start` (recorded, writer number, position; inclusive) on, newest first."""
    source: FromClause = disclosure
    own_conditions = _own_conditions(query)
    version_conditions = _version_conditions(query)
    for condition in version_conditions:
        keys = _find_keys(condition, query, start)
        if len(version_conditions) == 1 and not own_conditions:  # then the index alone finds the page
            keys = keys.order_by(*[disclosed_version.c[name].desc() for name in _KEY]).limit(limit)
        found = keys.subquery()
        source = source.join(found, and_(*[disclosure.c[name] == found.c[name] for name in _KEY]))
    statement = select(*_COLUMNS).select_from(source).where(*_place(disclosure.c, query, start), *own_conditions)
    rows = connection.execute(statement.order_by(*[disclosure.c[name].desc() for name in _KEY]).limit(limit))
    return [DisclosureRow(*row) for row in rows]


def _find_keys(condition: ColumnElement[bool], query: DisclosureQuery, start: _Start) -> Select[Any]:
    columns = disclosed_version.c
    return select(*[columns[name] for name in _KEY]).where(condition, *_place(columns, query, start)).distinct()


def _version_conditions(query: DisclosureQuery) -> list[ColumnElement[bool]]:
    columns = disclosed_version.c
    conditions: list[ColumnElement[bool]] = [columns.patient_id.in_(patients) for patients in query.patients]
    for entities in query.entities:
        alternatives = [
            and_(columns.resource_id == resource_id, columns.resource_type == resource_type)
            for resource_type, resource_id in sorted(entities)
        ]
        about = [resource_id for resource_type, resource_id in entities if resource_type == "Patient"]
        conditions.append(or_(*alternatives, *([columns.patient_id.in_(about)] if about else [])))
    return conditions


def _place(columns: Any, query: DisclosureQuery, start: _Start) -> list[ColumnElement[bool]]:
    """The period searched, and from where on; `recorded` alone first, which is what partitions are chosen by."""
    conditions: list[ColumnElement[bool]] = []
    if query.low is not None:
        conditions.append(columns.recorded >= query.low)
    if query.high is not None:
        conditions.append(columns.recorded < query.high)
    if start is not None:
        conditions.append(columns.recorded <= start[0])
        conditions.append(tuple_(*[columns[name] for name in _KEY]) <= tuple_(*start))
    return conditions


def _own_conditions(query: DisclosureQuery) -> list[ColumnElement[bool]]:
    """The conditions on the disclosure itself but for its time."""
    columns = disclosure.c
    conditions: list[ColumnElement[bool]] = []
    for column, values in (
        (columns.caller_id, query.callers),
        (columns.action, query.actions),
        (columns.outcome, query.outcomes),
        (columns.interaction, query.interactions),
    ):
        if values is not None:
            conditions.append(column.in_(values))
    if query.interactions_excluded:
        conditions.append(columns.interaction.not_in(query.interactions_excluded))
    if query.keys is not None:
        conditions.append(tuple_(columns.writer_number, columns.position).in_(query.keys))
    return conditions
