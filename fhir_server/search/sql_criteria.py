"""Criteria as SQL conditions on a resource row, access rule included at every hop (design decision 9).

Each criterion has two forms. *Tried* on a given row it is an EXISTS that looks up that row's index entries. *Leading*
a search it is the range of an index from which the search starts; `leads` says which one leads.
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
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    union_all,
)

from conformance.definitions import SearchParameter
from fhir_server.access.predicate import AccessRule
from fhir_server.search.date import DateValue
from fhir_server.search.leads import is_joinable, may_repeat
from fhir_server.search.parameters import has_one_row
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
from fhir_server.search.resource_values import IdValue
from fhir_server.search.string import StringValue
from fhir_server.search.token import TokenValue
from fhir_server.search.uri import UriValue
from fhir_server.search.values import Value
from fhir_server.storage.tables import index_date, index_reference, index_string, index_token, index_uri, resource

Condition = ColumnElement[bool]
Key = ColumnElement[Any]
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


def fixed(value: str | int) -> ColumnElement[Any]:
    """A constant of the statement itself, seen by the planner: a type's name or a parameter's number."""
    return literal(value, literal_execute=True)


def is_parameter(row: FromClause, parameter: SearchParameter) -> Condition:
    """The index row belongs to the parameter."""
    return row.c.parameter == fixed(parameter.number)


@dataclass
class Lead:
    """Where a search starts: rows to join by `resource_key`, one for each resource, or only conditions."""

    row: FromClause | None = None
    conditions: list[Condition] = field(default_factory=list)


class CriteriaCompiler:
    """Compiles criteria under one access rule.

    `pinned`: every tried criterion stays a look-up for each row. PostgreSQL would else turn it into a join whose size
    it cannot estimate (the columns of an index row depend on each other), and read a whole code to find fifty rows.
    """

    def __init__(self, criteria: Sequence[Criterion], rule: AccessRule, *, pinned: bool = False) -> None:
        self.rule = rule
        self.pinned = pinned
        # A value object stands only once in a query, so its identity finds its parameters.
        self._position = {id(value): n for n, value in enumerate(values_of(tuple(criteria)))}

    def readable(self, row: FromClause, resource_type: str) -> Condition:
        """The row is a live resource of the type that the caller may read."""
        return and_(
            row.c.resource_type == fixed(resource_type),
            row.c.deleted.is_(False),
            self.rule.may_read(row, resource_type),
        )

    def _binds(self, value: Value) -> tuple[ColumnElement[Any], ...]:
        names = bind_names(self._position[id(value)], value)
        return tuple(bindparam(name, unique=False) for name in names)

    def _any_value(self, values: Sequence[Value], row: FromClause) -> Condition:
        if all(isinstance(value, IdValue) for value in values):
            return row.c.resource_id.in_([bind for value in values for bind in self._binds(value)])
        return or_(*[value.condition(row, self._binds(value)) for value in values])

    def _exists(self, source: FromClause, *conditions: Condition) -> Condition:
        found = select(1).select_from(source).where(*conditions)
        return exists(found.offset(literal_column("0")) if self.pinned else found)

    # --- tried on a given row of `resource` (or an alias)

    def condition(self, criterion: Criterion, row: FromClause, key: Key | None = None) -> Condition:
        """The criterion as a condition on a resource row; `key` is its key where that is read first."""
        own_key = row.c.resource_key if key is None else key
        match criterion:
            case OnResource():
                return self._any_value(criterion.values, row)
            case Missing():
                present = self._is_present(criterion.parameter, own_key)
                return not_(present) if criterion.missing else present
            case Chain():
                return or_(*[self._leads_to(criterion.parameter, hop, own_key) for hop in criterion.hops])
            case Reverse():
                return self._is_referred(criterion, row)
            case Matches() | InCompartment():
                index = index_table(criterion).alias()
                own = index.c.resource_key == own_key
                found = self._exists(index, own, self.index_condition(criterion, index))
                return not_(found) if isinstance(criterion, Matches) and criterion.negated else found

    def _is_present(self, parameter: SearchParameter, key: Key) -> Condition:
        tables = [TABLE_OF_TYPE[parameter.type]]
        if parameter.type == "reference":
            tables.append(index_token)  # of logical references
        found = []
        for table in tables:
            index = table.alias()
            own = index.c.resource_key == key
            found.append(self._exists(index, own, is_parameter(index, parameter)))
        return or_(*found)

    def _leads_to(self, parameter: SearchParameter, hop: Hop, key: Key) -> Condition:
        index, target = index_reference.alias(), resource.alias()
        joined = index.join(target, target.c.resource_id == _id_in(index, hop.resource_type))
        return self._exists(
            joined,
            index.c.resource_key == key,
            is_parameter(index, parameter),
            _refers_to_type(index, hop.resource_type),
            self.readable(target, hop.resource_type),
            self.condition(hop.criterion, target),
        )

    def _is_referred(self, reverse: Reverse, row: FromClause) -> Condition:
        index, source = index_reference.alias(), resource.alias()
        return self._exists(
            index.join(source, source.c.resource_key == index.c.resource_key),
            is_parameter(index, reverse.parameter),
            index.c.target == fixed(f"{reverse.target_type}/").concat(row.c.resource_id),
            self.readable(source, reverse.parameter.resource_type),
            self.condition(reverse.criterion, source),
        )

    # --- leading the search

    def index_condition(self, criterion: Matches | Chain | InCompartment, index: FromClause) -> Condition:
        """The criterion as a condition on a row of its index table."""
        match criterion:
            case Matches():
                return and_(is_parameter(index, criterion.parameter), self._any_value(criterion.values, index))
            case Chain():
                hops = [self._hop(hop) for hop in criterion.hops]
                names = hops[0] if len(hops) == 1 else union_all(*hops)
                return and_(is_parameter(index, criterion.parameter), index.c.target.in_(names))
            case InCompartment():
                numbers = [fixed(parameter.number) for parameter in criterion.parameters]
                return and_(index.c.parameter.in_(numbers), self._any_value(criterion.values, index))

    def lead(self, criteria: Sequence[Criterion], row: FromClause, leading: Criterion | None) -> Lead:
        """All criteria as conditions; `leading` (one of them, or None) in the form that leads the search."""
        others = [c for c in criteria if c is not leading]
        if isinstance(leading, Reverse):
            referred = row.c.resource_id.in_(self._referrers(leading))
            return Lead(None, [referred, *[self.condition(c, row) for c in others]])
        if not isinstance(leading, Matches | Chain | InCompartment):
            return Lead(None, [self.condition(c, row) for c in criteria])
        index = index_table(leading).alias()
        if not is_joinable(leading):
            found = select(index.c.resource_key).where(self.index_condition(leading, index))
            keys = found.distinct().subquery("leading")
            return Lead(keys, [self.condition(c, row, keys.c.resource_key) for c in others])
        merged = [c for c in others if isinstance(c, Matches) and is_on_same_row(c, leading)]
        on_index = [self.index_condition(c, index) for c in (leading, *merged)]
        if isinstance(leading, Matches) and may_repeat(leading):
            on_index.append(_is_first_system(index))
        tried = [self.condition(c, row, index.c.resource_key) for c in others if c not in merged]
        return Lead(index, on_index + tried)

    def _hop(self, hop: Hop) -> Select[Any]:
        """The names, such as `Patient/1`, of the readable resources that satisfy the hop."""
        row = resource.alias()
        name = fixed(f"{hop.resource_type}/").concat(row.c.resource_id)
        return self._led(row, hop.resource_type, hop.criterion, select(name))

    def _referrers(self, reverse: Reverse) -> Select[Any]:
        """The ids of the target type that readable resources refer to."""
        row, index = resource.alias(), index_reference.alias()
        names = select(_id_in(index, reverse.target_type)).join_from(
            row, index, index.c.resource_key == row.c.resource_key
        )
        led = self._led(row, reverse.parameter.resource_type, reverse.criterion, names, joined=True)
        return led.where(is_parameter(index, reverse.parameter), _refers_to_type(index, reverse.target_type))

    def _led(
        self, row: FromClause, resource_type: str, criterion: Criterion, wanted: Select[Any], *, joined: bool = False
    ) -> Select[Any]:
        lead = self.lead([criterion], row, criterion)
        source = wanted if joined else wanted.select_from(row)
        if lead.row is not None:
            source = source.join(lead.row, lead.row.c.resource_key == row.c.resource_key)
        return source.where(self.readable(row, resource_type), *lead.conditions)


def _id_in(index: FromClause, resource_type: str) -> ColumnElement[str]:
    return func.substr(index.c.target, fixed(len(resource_type) + 2))


def _refers_to_type(index: FromClause, resource_type: str) -> Condition:
    return and_(index.c.target >= fixed(f"{resource_type}/"), index.c.target < fixed(f"{resource_type}0"))


def _is_first_system(index: FromClause) -> Condition:
    """Of several rows that differ only in the system, the first."""
    other = index_token.alias()
    same = [other.c[name] == index.c[name] for name in ("parameter", "code", "resource_key")]
    return index.c.system == select(func.min(other.c.system)).where(*same).scalar_subquery()


def index_table(criterion: Matches | Chain | InCompartment) -> Table:
    """The index table that answers the criterion."""
    if isinstance(criterion, Matches):
        return _TABLE_OF_VALUE[type(criterion.values[0])]
    return index_reference


def is_on_same_row(criterion: Matches, leading: Criterion) -> bool:
    """Both are about the single index row that the resource can have for the parameter."""
    same = isinstance(leading, Matches) and criterion.parameter == leading.parameter
    return same and not criterion.negated and has_one_row(criterion.parameter)
