"""A search after parsing: frozen, free of text and of SQL (https://hl7.org/fhir/R4/search.html).

Two queries of the same `shape` differ only in bound values, so they share one compiled statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from conformance.definitions import SearchParameter
from fhir_server.errors import Issue
from fhir_server.search.values import Bound, Value


@dataclass(frozen=True)
class Matches:
    """The parameter has a value that matches one of `values`; `negated`: it has none that does (`:not`)."""

    parameter: SearchParameter
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class Missing:
    """The parameter has no value at all (or, `missing` being False, has one)."""

    parameter: SearchParameter
    missing: bool


@dataclass(frozen=True)
class OnResource:
    """`_id` or `_lastUpdated`, answered from the resource itself."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Hop:
    """One type that a chain may lead to, and what must hold there."""

    resource_type: str
    criterion: Criterion


@dataclass(frozen=True)
class Chain:
    """The reference leads to a resource of this record that satisfies one of the hops."""

    parameter: SearchParameter
    hops: tuple[Hop, ...]


@dataclass(frozen=True)
class Reverse:
    """`_has`: a resource of the parameter's type refers to this one through it, and satisfies the criterion."""

    parameter: SearchParameter
    target_type: str
    criterion: Criterion


@dataclass(frozen=True)
class InCompartment:
    """One of the parameters that tie the type to the compartment refers to its subject."""

    parameters: tuple[SearchParameter, ...]
    values: tuple[Value, ...]


Criterion = Matches | Missing | OnResource | Chain | Reverse | InCompartment


@dataclass(frozen=True)
class SortKey:
    """`parameter` None: the resource's own column `column` (`resource_id` or `last_updated`)."""

    parameter: SearchParameter | None
    descending: bool
    column: str = ""


@dataclass(frozen=True)
class Include:
    """`_include` (`reverse` False) or `_revinclude`; `target` restricts an include to one type."""

    parameter: SearchParameter
    target: str | None
    reverse: bool


@dataclass(frozen=True)
class SearchQuery:
    """A whole type search. `fingerprint` identifies what is searched and in which order, but not the page size."""

    resource_type: str
    criteria: tuple[Criterion, ...]
    sort: tuple[SortKey, ...] = ()
    page_size: int = 50
    count_only: bool = False
    total: bool = False
    includes: tuple[Include, ...] = ()
    include_max: int = 1000
    fingerprint: str = ""
    warnings: tuple[Issue, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for queries that compile to the same SQL."""
        return (self.resource_type, shape_of(self.criteria), shape_of(self.sort))


def shape_of(node: Any) -> object:
    """The node without the values that it binds."""
    if isinstance(node, Value):
        return (type(node), *node.shape())
    if isinstance(node, tuple):
        return tuple([shape_of(item) for item in node])
    if isinstance(node, SearchParameter):
        return node.number
    if isinstance(node, _NODES):
        return (type(node), *[shape_of(getattr(node, name)) for name in _FIELDS[type(node)]])
    return node


_NODES = (Matches, Missing, OnResource, Hop, Chain, Reverse, InCompartment, SortKey)
_FIELDS = {node: tuple(f.name for f in fields(node)) for node in _NODES}


def values_of(node: Any) -> Iterator[Value]:
    """Every value below a node, in a fixed order: the n-th value of equal shapes binds the same parameters."""
    if isinstance(node, Value):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from values_of(item)
    elif isinstance(node, _NODES):
        for name in _FIELDS[type(node)]:
            yield from values_of(getattr(node, name))


def bind_names(position: int, value: Value) -> tuple[str, ...]:
    """The names of the bind parameters of the value at a position."""
    return tuple(f"v{position}_{n}" for n in range(len(value.bound())))


def bound_parameters(criteria: tuple[Criterion, ...]) -> dict[str, Bound]:
    """The bind parameters of all criteria, by name."""
    bound: dict[str, Bound] = {}
    for position, value in enumerate(values_of(criteria)):
        bound.update(zip(bind_names(position, value), value.bound(), strict=True))
    return bound
