"""Criteria as SQL conditions on a resource row, access rule included at every hop (design decision 9).

A criterion is tried on a row by EXISTS in its index table. One criterion may instead lead the search (`Lead`): the
most selective, written as a join or as IN, so that both databases start from its index range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from conformance.definitions import SearchParameter
from fhir_server.access.predicate import AccessRule
from fhir_server.search.date import DateValue
from fhir_server.search.parameters import has_one_row, has_one_row_per_code, is_identifier, is_primitive
from fhir_server.search.query import (
    Chain,
    Criterion,
    Hop,
    InCompartment,
    Matches,
    Missing,
    OnResource,
    Reverse,
    bind_names,
    values_of,
)
from fhir_server.search.reference import ReferenceValue
from fhir_server.search.string import StringValue
from fhir_server.search.token import TokenValue
from fhir_server.search.uri import UriValue
from fhir_server.search.values import Value
from fhir_server.storage.tables import index_date, index_reference, index_string, index_token, index_uri, resource

Condition = ColumnElement[bool]
_TABLE_OF_VALUE: dict[type[Value], Table] = {
    TokenValue: index_token,
    StringValue: index_string,
    DateValue: index_date,
    ReferenceValue: index_reference,
    UriValue: index_uri,
}
TABLE_OF_TYPE: dict[str, Table] = {
    "token": index_token,
    "string": index_string,
    "date": index_date,
    "reference": index_reference,
    "uri": index_uri,
}
#: Criteria of a higher rank are too unselective to lead when the order gives a better start.
RANK_NONE = 99


def fixed(value: str | int) -> ColumnElement[Any]:
    """A constant of the statement itself, seen by the planner: a type's name or a parameter's number."""
    return literal(value, literal_execute=True)


def is_parameter(row: FromClause, parameter: SearchParameter) -> Condition:
    """The index row belongs to the parameter."""
    return row.c.parameter == fixed(parameter.number)


@dataclass
class Lead:
    """Where a search starts: an index row (`row`, with its condition) to join, or only conditions."""

    row: FromClause | None = None
    conditions: list[Condition] = field(default_factory=list)


class CriteriaCompiler:
    """Compiles the criteria of one query under one access rule."""

    def __init__(self, criteria: Sequence[Criterion], rule: AccessRule) -> None:
        self.rule = rule
        # The same value object never stands twice in one tree, so its identity finds its parameters.
        self._position = {id(value): n for n, value in enumerate(values_of(tuple(criteria)))}

    def readable(self, row: FromClause, resource_type: str) -> Condition:
        """The row is a live resource of the type that the caller may read."""
        return and_(
            row.c.resource_type == fixed(resource_type),
            row.c.deleted.is_(False),
            self.rule.may_read(row, resource_type),
        )

    def value_condition(self, value: Value, row: FromClause) -> Condition:
        names = bind_names(self._position[id(value)], value)
        return value.condition(row, tuple(bindparam(name, unique=False) for name in names))

    def any_value(self, values: Sequence[Value], row: FromClause) -> Condition:
        return or_(*[self.value_condition(value, row) for value in values])

    # --- a criterion tried on a given resource row

    def condition(self, criterion: Criterion, row: FromClause) -> Condition:
        """The condition on a row of `resource` (or an alias)."""
        match criterion:
            case OnResource():
                return self.any_value(criterion.values, row)
            case Missing():
                present = _is_present(criterion.parameter, row)
                return not_(present) if criterion.missing else present
            case Reverse():
                return row.c.resource_id.in_(self._referrers(criterion))
            case Matches(negated=True):
                return not_(self._probe(criterion, row))
            case _:
                return self._probe(criterion, row)

    def _probe(self, criterion: Matches | Chain | InCompartment, row: FromClause) -> Condition:
        index = index_table(criterion).alias()
        own = index.c.resource_key == row.c.resource_key
        return exists(select(1).select_from(index).where(own, self.index_condition(criterion, index)))

    def index_condition(self, criterion: Matches | Chain | InCompartment, index: FromClause) -> Condition:
        """The condition on a row of the criterion's index table."""
        match criterion:
            case Matches():
                return and_(is_parameter(index, criterion.parameter), self.any_value(criterion.values, index))
            case Chain():
                return and_(is_parameter(index, criterion.parameter), index.c.target.in_(self._chained(criterion)))
            case InCompartment():
                numbers = [fixed(parameter.number) for parameter in criterion.parameters]
                return and_(index.c.parameter.in_(numbers), self.any_value(criterion.values, index))

    def _chained(self, chain: Chain) -> Any:
        hops = [self._hop(hop) for hop in chain.hops]
        return hops[0] if len(hops) == 1 else union_all(*hops)

    def _hop(self, hop: Hop) -> Select[Any]:
        row = resource.alias()
        start = fixed(f"{hop.resource_type}/")
        lead = self.lead([hop.criterion], row)
        source = select(start.concat(row.c.resource_id)).select_from(row)
        if lead.row is not None:
            source = source.join(lead.row, lead.row.c.resource_key == row.c.resource_key)
        return source.where(self.readable(row, hop.resource_type), *lead.conditions)

    def _referrers(self, reverse: Reverse) -> Select[Any]:
        """The ids of the target type that readable resources refer to."""
        row, index = resource.alias(), index_reference.alias()
        prefix = f"{reverse.target_type}/"
        lead = self.lead([reverse.criterion], row)
        source = select(func.substr(index.c.target, fixed(len(prefix) + 1))).select_from(row)
        if lead.row is not None:
            source = source.join(lead.row, lead.row.c.resource_key == row.c.resource_key)
        local = and_(index.c.target >= fixed(prefix), index.c.target < fixed(f"{reverse.target_type}0"))
        return source.join(index, index.c.resource_key == row.c.resource_key).where(
            self.readable(row, reverse.parameter.resource_type),
            is_parameter(index, reverse.parameter),
            local,
            *lead.conditions,
        )

    # --- where to start

    def lead(self, criteria: Sequence[Criterion], row: FromClause) -> Lead:
        """All criteria as conditions, the most selective in the form that leads the search."""
        best = min(criteria, key=rank, default=None)
        if best is None or rank(best) == RANK_NONE or not isinstance(best, Matches | Chain | InCompartment):
            return Lead(None, [self.condition(c, row) for c in criteria])
        others = [c for c in criteria if c is not best]
        index = index_table(best).alias()
        if is_unique(best):
            merged = [c for c in others if _on_same_row(c, best)]
            conditions = [self.index_condition(c, index) for c in (best, *merged) if isinstance(c, Matches)]
            others = [c for c in others if c not in merged]
            return Lead(index, conditions + [self.condition(c, row) for c in others])
        keys = select(index.c.resource_key).where(self.index_condition(best, index))
        return Lead(None, [row.c.resource_key.in_(keys), *[self.condition(c, row) for c in others]])


def index_table(criterion: Matches | Chain | InCompartment) -> Table:
    """The index table that answers the criterion."""
    if isinstance(criterion, Matches):
        return _TABLE_OF_VALUE[type(criterion.values[0])]
    return index_reference


def _is_present(parameter: SearchParameter, row: FromClause) -> Condition:
    tables = [TABLE_OF_TYPE[parameter.type]]
    if parameter.type == "reference":
        tables.append(index_token)  # of logical references
    found = []
    for table in tables:
        index = table.alias()
        own = index.c.resource_key == row.c.resource_key
        found.append(exists(select(1).select_from(index).where(own, is_parameter(index, parameter))))
    return or_(*found) if found else false()


def _on_same_row(criterion: Criterion, leading: Criterion) -> bool:
    """Both are about the single index row that the resource can have for the parameter."""
    return (
        isinstance(criterion, Matches)
        and isinstance(leading, Matches)
        and not criterion.negated
        and criterion.parameter == leading.parameter
        and has_one_row(leading.parameter)
    )


def is_unique(criterion: Criterion) -> bool:
    """Whether a resource has at most one index row that satisfies the criterion, so that a join repeats nothing."""
    if not isinstance(criterion, Matches) or criterion.negated:
        return False
    if has_one_row(criterion.parameter):
        return True
    value = criterion.values[0]
    if len(criterion.values) > 1:
        return False
    if isinstance(value, TokenValue):
        return value.code is not None and (value.system is not None or has_one_row_per_code(criterion.parameter))
    return isinstance(value, UriValue) or (isinstance(value, ReferenceValue) and len(value.targets) == 1)


def rank(criterion: Criterion) -> int:
    """How selective the criterion is by its nature: 0 singles out a resource; RANK_NONE cannot lead."""
    match criterion:
        case OnResource(values=values):
            return RANK_NONE if isinstance(values[0], DateValue) else 0
        case Matches(negated=True) | Missing():
            return RANK_NONE
        case Matches():
            return _rank_of_value(criterion.parameter, criterion.values[0])
        case Chain():
            return min(1 + max(rank(hop.criterion) for hop in criterion.hops), RANK_NONE)
        case Reverse():
            return min(1 + rank(criterion.criterion), RANK_NONE)
        case InCompartment():
            return 2


def _rank_of_value(parameter: SearchParameter, value: Value) -> int:
    match value:
        case TokenValue(code=None):
            return 9
        case TokenValue():
            return 1 if parameter.type == "reference" or is_identifier(parameter) else _rank_of_code(parameter)
        case ReferenceValue():
            return 2
        case UriValue():
            return 3
        case StringValue(how=how):
            return 8 if how == "contains" else 4
        case _:
            return 6


def _rank_of_code(parameter: SearchParameter) -> int:
    return 7 if is_primitive(parameter) else 5
