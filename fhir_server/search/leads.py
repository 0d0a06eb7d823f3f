"""Which criterion leads a search: the one whose index range is the shortest way to the answer.

The databases' own estimates fail here (the columns of an index row depend on each other), so the choice is made by the
nature of the criterion, and where that leaves doubt by counting a bounded piece of its index range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.definitions import SearchParameter
from fhir_server.search.date import DateValue
from fhir_server.search.parameters import has_one_row, has_one_row_per_code, is_identifier, is_primitive
from fhir_server.search.query import Chain, Criterion, InCompartment, Matches, Missing, OnResource, Reverse
from fhir_server.search.reference import ReferenceValue
from fhir_server.search.string import StringValue
from fhir_server.search.token import TokenValue
from fhir_server.search.uri import UriValue
from fhir_server.search.values import Value

#: Up to this many index rows a criterion is narrow: reading and sorting all of them is cheap.
NARROW_MAX = 5000
_RANK_SURE = 2
_RANK_NONE = 99


def choose_lead(
    criteria: Sequence[Criterion], is_narrow: Callable[[Criterion], bool], *, by_key: bool
) -> Criterion | None:
    """The criterion to start from; None when walking the order and trying the criteria on each row is better.

    `by_key`: the order is the resource key's, in which the rows of one code or target stand already.
    """
    for criterion in sorted(criteria, key=rank):
        place = rank(criterion)
        if place == 0 or place >= _RANK_NONE:
            return None
        if place <= _RANK_SURE or (by_key and is_in_key_order(criterion)) or is_narrow(criterion):
            return criterion
    return None


def best_lead(criteria: Sequence[Criterion]) -> Criterion | None:
    """The criterion that is the most selective by its nature."""
    best = min(criteria, key=rank, default=None)
    return None if best is None or rank(best) in (0, _RANK_NONE) else best


def rank(criterion: Criterion) -> int:
    """How selective the criterion is by its nature: 0 singles out a resource by itself; 99 cannot lead."""
    match criterion:
        case OnResource(values=values):
            return _RANK_NONE if isinstance(values[0], DateValue) else 0
        case Matches(negated=True) | Missing():
            return _RANK_NONE
        case Matches():
            return _rank_of_value(criterion.parameter, criterion.values[0])
        case Chain():
            return min(1 + max(rank(hop.criterion) for hop in criterion.hops), _RANK_NONE)
        case Reverse():
            return min(1 + rank(criterion.criterion), _RANK_NONE)
        case InCompartment():
            return 2


def _rank_of_value(parameter: SearchParameter, value: Value) -> int:
    match value:
        case TokenValue(code=None):
            return 9
        case TokenValue():
            return 1 if parameter.type == "reference" or is_identifier(parameter) else _rank_of_code(parameter)
        case ReferenceValue(targets=targets):
            return 2 if all(target.startswith("Patient/") for target in targets) else 3
        case UriValue():
            return 3
        case StringValue(how=how):
            return 8 if how == "contains" else 4
        case _:
            return 6


def _rank_of_code(parameter: SearchParameter) -> int:
    return 7 if is_primitive(parameter) else 5


def counted(criterion: Criterion) -> list[Matches] | None:
    """The index criteria whose breadth decides whether the criterion is narrow; None: it never is."""
    match criterion:
        case Matches(negated=False):
            return [criterion]
        case Chain():
            inner = [counted(hop.criterion) for hop in criterion.hops]
            return None if None in inner else [m for found in inner for m in found or ()]
        case Reverse():
            return counted(criterion.criterion)
        case OnResource(values=values):
            return None if isinstance(values[0], DateValue) else []
        case _:
            return None


def is_sure(criterion: Criterion) -> bool:
    """Narrow by its nature: not worth counting."""
    return rank(criterion) <= _RANK_SURE


def is_joinable(criterion: Criterion) -> bool:
    """Whether a resource has at most one index row that leads to it (once `may_repeat` is seen to)."""
    if not isinstance(criterion, Matches) or criterion.negated:
        return False
    return has_one_row(criterion.parameter) or _is_single(criterion)


def _is_single(criterion: Matches) -> bool:
    value = criterion.values[0]
    if len(criterion.values) > 1:
        return False
    if isinstance(value, TokenValue):
        return value.code is not None
    return isinstance(value, UriValue) or (isinstance(value, ReferenceValue) and len(value.targets) == 1)


def may_repeat(criterion: Matches) -> bool:
    """Whether several rows of a resource may differ in nothing but their system."""
    value = criterion.values[0]
    if not isinstance(value, TokenValue) or has_one_row(criterion.parameter):
        return False
    return value.system is None and not has_one_row_per_code(criterion.parameter)


def is_in_key_order(criterion: Criterion) -> bool:
    """Whether its index rows stand in the order of the resource key."""
    return isinstance(criterion, Matches) and not criterion.negated and _is_single(criterion)
