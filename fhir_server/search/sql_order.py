"""Orders and where in them a page begins: keyset paging (https://hl7.org/fhir/R4/search.html#sort).

A resource with several values sorts by its smallest, or descending by its largest; one with none comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, case, exists, func, not_, or_, select, tuple_

from conformance.definitions import SearchParameter
from fhir_server.search.parameters import has_one_row
from fhir_server.search.query import SortKey
from fhir_server.search.sql_criteria import TABLE_OF_TYPE, is_parameter

_COLUMNS = {
    "token": ("code", "system"),
    "string": ("folded", "exact"),
    "date": ("low", "high"),
    "reference": ("target",),
    "uri": ("value",),
}
#: Columns that the order itself needs; the others only tell rows of one resource apart.
_ORDERED = {"token": 1, "string": 1, "date": 2, "reference": 1, "uri": 1}


@dataclass(frozen=True)
class OrderColumn:
    """One column of the order."""

    expression: ColumnElement[Any]
    descending: bool = False

    def order_by(self) -> ColumnElement[Any]:
        return self.expression.desc() if self.descending else self.expression.asc()


@dataclass(frozen=True)
class SortRow:
    """The index row whose value places a resource, to be joined on `resource_key`."""

    row: FromClause
    conditions: tuple[ColumnElement[bool], ...]
    columns: tuple[OrderColumn, ...]


def make_sort_row(key: SortKey, parameter: SearchParameter) -> SortRow:
    """The first row of each resource in the order of the key."""
    row = TABLE_OF_TYPE[parameter.type].alias("sorted_by")
    conditions: tuple[ColumnElement[bool], ...] = (is_parameter(row, parameter),)
    if not has_one_row(parameter):
        conditions += (_is_first(row, parameter, key.descending),)
    names = _COLUMNS[parameter.type][: _ORDERED[parameter.type]]
    return SortRow(row, conditions, tuple(OrderColumn(row.c[name], key.descending) for name in names))


def _is_first(row: FromClause, parameter: SearchParameter, descending: bool) -> ColumnElement[bool]:
    other = TABLE_OF_TYPE[parameter.type].alias()
    names = _COLUMNS[parameter.type]
    left, right = tuple_(*[other.c[n] for n in names]), tuple_(*[row.c[n] for n in names])
    before = left > right if descending else left < right
    own = other.c.resource_key == row.c.resource_key
    return not_(exists(select(1).select_from(other).where(own, is_parameter(other, parameter), before)))


def is_without(key: SortKey, parameter: SearchParameter, row: FromClause) -> ColumnElement[bool]:
    """The resource has no value to sort by."""
    index = TABLE_OF_TYPE[parameter.type].alias()
    own = index.c.resource_key == row.c.resource_key
    return not_(exists(select(1).select_from(index).where(own, is_parameter(index, parameter))))


def later_columns(keys: Sequence[SortKey], row: FromClause) -> list[OrderColumn]:
    """The columns of the keys after the first, computed for each resource that matches."""
    return [column for key in keys for column in _computed(key, row)]


def _computed(key: SortKey, row: FromClause) -> list[OrderColumn]:
    if key.parameter is None:
        return [OrderColumn(row.c[key.column], key.descending)]
    index = TABLE_OF_TYPE[key.parameter.type].alias()
    name = _COLUMNS[key.parameter.type][0]
    pick = func.max if key.descending else func.min
    own = and_(index.c.resource_key == row.c.resource_key, is_parameter(index, key.parameter))
    value = select(pick(index.c[name])).where(own).scalar_subquery()
    # Missing values last in either direction: the flag takes the direction of its key.
    with_value, without = (1, 0) if key.descending else (0, 1)
    flag = case((value.is_(None), without), else_=with_value)
    present = func.coalesce(value, 0 if key.parameter.type == "date" else "")
    return [OrderColumn(flag, key.descending), OrderColumn(present, key.descending)]


def after_cursor(columns: Sequence[OrderColumn]) -> ColumnElement[bool]:
    """Strictly after the row whose values the bind parameters c0, c1, ... carry."""
    binds = [bindparam(f"c{n}", type_=column.expression.type) for n, column in enumerate(columns)]
    if len({column.descending for column in columns}) == 1:
        left, right = tuple_(*[c.expression for c in columns]), tuple_(*binds)
        if len(columns) == 1:
            return _beyond(columns[0], binds[0])
        return left < right if columns[0].descending else left > right
    alternatives = []
    for n, column in enumerate(columns):
        equal = [c.expression == b for c, b in zip(columns[:n], binds[:n], strict=True)]
        alternatives.append(and_(*equal, _beyond(column, binds[n])))
    return or_(*alternatives)


def _beyond(column: OrderColumn, bind: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.expression < bind if column.descending else column.expression > bind
