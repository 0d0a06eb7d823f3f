"""Find disclosures, newest first, by keyset (design decision 15: audit is searched where it is filed)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_, select, tuple_

from fhir_server.storage.disclosures import Connection, DisclosureRow
from fhir_server.storage.tables.disclosure import disclosed_version, disclosure

_COLUMNS = [disclosure.c[name] for name in DisclosureRow._fields[:-1]]
_KEY = ("recorded", "writer_number", "position")


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


def find_disclosures(
    connection: Connection, query: DisclosureQuery, start: tuple[int, int, int] | None, limit: int
) -> list[DisclosureRow]:
    """At most `limit` disclosures from `start` (recorded, writer number, position; inclusive) on, newest first."""
    source: FromClause = disclosure
    for condition in _version_conditions(query):
        found = select(*[disclosed_version.c[name] for name in _KEY]).where(
            condition, *_period(disclosed_version.c, query, start)
        )
        keys = found.distinct().subquery()
        source = source.join(keys, and_(*[disclosure.c[name] == keys.c[name] for name in _KEY]))
    key = [disclosure.c[name] for name in _KEY]
    statement = select(*_COLUMNS).select_from(source).where(*_conditions(query, start))
    rows = connection.execute(statement.order_by(*[column.desc() for column in key]).limit(limit))
    return [DisclosureRow(*row) for row in rows]


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


def _period(columns: Any, query: DisclosureQuery, start: tuple[int, int, int] | None) -> list[ColumnElement[bool]]:
    conditions = []
    if query.low is not None:
        conditions.append(columns.recorded >= query.low)
    if query.high is not None:
        conditions.append(columns.recorded < query.high)
    if start is not None:
        conditions.append(columns.recorded <= start[0])
    return conditions


def _conditions(query: DisclosureQuery, start: tuple[int, int, int] | None) -> list[ColumnElement[bool]]:
    columns = disclosure.c
    conditions = _period(columns, query, start)
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
    if start is not None:
        key = tuple_(*[columns[name] for name in _KEY])
        conditions.append(key <= tuple_(*start))
    return conditions
