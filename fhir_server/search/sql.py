"""From a query to one SQL statement for each part of the walk through its pages.

A walk has up to three parts: `valued` (resources that have a value of the first sort key, or all when the order is a
column of the resource), `missing` (those that have none), and `tail` (those updated since the walk began, so that a
resource that moved behind the cursor is not lost).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, func, select

from fhir_server.access.predicate import AccessRule
from fhir_server.search.leads import NARROW_MAX, best_lead
from fhir_server.search.parameters import has_one_row
from fhir_server.search.query import Criterion, Matches, SearchQuery
from fhir_server.search.sql_criteria import TABLE_OF_TYPE, CriteriaCompiler, Lead, fixed, index_table
from fhir_server.search.sql_order import OrderColumn, SortRow, after_cursor, is_without, later_columns, make_sort_row
from fhir_server.storage.tables import resource

#: What an answer needs of a resource, in the order of FoundResource.
COLUMNS = (
    "resource_key",
    "resource_type",
    "resource_id",
    "version_id",
    "last_updated",
    "custodian",
    "patient_id",
    "patient_count",
    "body",
)


class Part(StrEnum):
    VALUED = "v"
    MISSING = "m"
    TAIL = "t"


def parts_of(query: SearchQuery) -> tuple[Part, ...]:
    """The parts of the walk before the tail."""
    if not is_walked_by_index(query) or any(_needs_sort_value(c, query) for c in query.criteria):
        return (Part.VALUED,)
    return (Part.VALUED, Part.MISSING)


def is_walked_by_index(query: SearchQuery) -> bool:
    """Whether the first sort key is a search parameter."""
    return bool(query.sort) and query.sort[0].parameter is not None


def _needs_sort_value(criterion: Criterion, query: SearchQuery) -> bool:
    """The criterion holds only of resources that have a value of the first sort key."""
    return (
        isinstance(criterion, Matches)
        and not criterion.negated
        and criterion.parameter == query.sort[0].parameter
        and index_table(criterion) is TABLE_OF_TYPE[criterion.parameter.type]
    )


def candidates(query: SearchQuery, part: Part) -> tuple[Criterion, ...]:
    """The criteria that may lead a part: not those that are conditions on the very row the order walks."""
    walked = part is Part.VALUED and is_walked_by_index(query)
    return tuple(c for c in query.criteria if not (walked and _is_about_order(c, query)))


@dataclass
class _Source:
    """The FROM and WHERE of a search: `key` is the resource key in the cheapest place to read it."""

    selectable: FromClause
    conditions: list[ColumnElement[bool]]
    key: ColumnElement[Any]


def compile_search(
    query: SearchQuery,
    rule: AccessRule,
    part: Part = Part.VALUED,
    *,
    continued: bool = False,
    lead: Criterion | None = None,
) -> Select[Any]:
    """The statement of a page: COLUMNS, then the cursor columns; `lead` is the criterion that it starts from.

    Parameters: those of the values and the rule, `page_limit`; `c0`, ... when `continued`; `walk_start` in the tail.
    """
    compiler = CriteriaCompiler(query.criteria, rule, pinned=True)
    source, order = _ordered_source(query, compiler, part, lead)
    conditions = [*source.conditions, after_cursor(order)] if continued else source.conditions
    cursor = [column.expression.label(f"k{n}") for n, column in enumerate(order)]
    return (
        select(*[resource.c[name] for name in COLUMNS], *cursor)
        .select_from(source.selectable)
        .where(*conditions)
        .order_by(*[column.order_by() for column in order])
        .limit(bindparam("page_limit", unique=False, type_=resource.c.version_id.type))
    )


def compile_count(query: SearchQuery, rule: AccessRule) -> Select[Any]:
    """The statement that counts all matches: the database may join as it likes."""
    compiler = CriteriaCompiler(query.criteria, rule)
    source = _source(query, compiler, compiler.lead(query.criteria, resource, best_lead(query.criteria)))
    return select(func.count()).select_from(source.selectable).where(*source.conditions)


def compile_breadth(criteria: Sequence[Matches], rule: AccessRule) -> Select[Any]:
    """The statement that counts the index rows of criteria on one row, up to one more than NARROW_MAX."""
    index = index_table(criteria[0]).alias()
    compiler = CriteriaCompiler(criteria, rule)
    conditions = [compiler.index_condition(criterion, index) for criterion in criteria]
    rows = select(index.c.resource_key).where(*conditions).limit(fixed(NARROW_MAX + 1)).subquery()
    return select(func.count()).select_from(rows)


def _source(query: SearchQuery, compiler: CriteriaCompiler, lead: Lead) -> _Source:
    conditions = [compiler.readable(resource, query.resource_type), *lead.conditions]
    if lead.row is None:
        return _Source(resource, conditions, resource.c.resource_key)
    joined = lead.row.join(resource, lead.row.c.resource_key == resource.c.resource_key)
    return _Source(joined, conditions, lead.row.c.resource_key)


def _ordered_source(
    query: SearchQuery, compiler: CriteriaCompiler, part: Part, lead: Criterion | None
) -> tuple[_Source, list[OrderColumn]]:
    first = query.sort[0] if query.sort else None
    if part is Part.VALUED and first and first.parameter:
        return _sorted_source(query, compiler, make_sort_row(first, first.parameter), lead)
    source = _source(query, compiler, compiler.lead(query.criteria, resource, lead))
    if part is Part.TAIL:
        # A first version has not moved: only what was there before can have slipped behind the cursor.
        moved = and_(resource.c.last_updated >= bindparam("walk_start", unique=False), resource.c.version_id > fixed(1))
        source.conditions.append(moved)
        return source, [OrderColumn(source.key)]
    if first and first.parameter:
        source.conditions.append(is_without(first, first.parameter, resource))
        return source, _finish(later_columns(query.sort[1:], resource), source.key)
    return source, _finish(later_columns(query.sort, resource), source.key)


def _sorted_source(
    query: SearchQuery, compiler: CriteriaCompiler, sort_row: SortRow, lead: Criterion | None
) -> tuple[_Source, list[OrderColumn]]:
    """Join the row that places each resource; criteria on that very row are conditions on it."""
    on_row = [c for c in query.criteria if isinstance(c, Matches) and _is_about_order(c, query)]
    source = _source(query, compiler, compiler.lead(candidates(query, Part.VALUED), resource, lead))
    source.selectable = source.selectable.join(sort_row.row, sort_row.row.c.resource_key == source.key)
    source.conditions += [*sort_row.conditions, *[compiler.index_condition(c, sort_row.row) for c in on_row]]
    return source, _finish([*sort_row.columns, *later_columns(query.sort[1:], resource)], sort_row.row.c.resource_key)


def _is_about_order(criterion: Criterion, query: SearchQuery) -> bool:
    return _needs_sort_value(criterion, query) and has_one_row(query.sort[0].parameter)


def _finish(columns: list[OrderColumn], key: ColumnElement[Any]) -> list[OrderColumn]:
    """The resource key makes the order total; it runs in the direction of the last key, as the indexes do."""
    return [*columns, OrderColumn(key, columns[-1].descending if columns else False)]
