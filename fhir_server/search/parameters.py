"""What searching needs to know of a search parameter beyond its definition."""

from __future__ import annotations

from functools import cache

from conformance.definitions import SearchParameter, definitions
from fhir_server.errors import UnsupportedParameter
from fhir_server.search.extract import EMITTERS, ON_RESOURCE, branches_of
from fhir_server.search.token import PRIMITIVES


@cache
def is_searchable(parameter: SearchParameter) -> bool:
    """Whether the record has an index for it."""
    return parameter.code in ON_RESOURCE or (parameter.type in EMITTERS and bool(branches_of(parameter)))


@cache
def is_primitive(parameter: SearchParameter) -> bool:
    """Whether its elements are codes, flags or texts without a system of their own: one row for each code."""
    return all(branch.fhir_type in PRIMITIVES for branch in branches_of(parameter))


@cache
def has_one_row_per_code(parameter: SearchParameter) -> bool:
    """Whether a resource has at most one index row for each code, because the code decides the system."""
    return parameter.type == "token" and is_primitive(parameter) and _has_one_element(parameter)


def _has_one_element(parameter: SearchParameter) -> bool:
    return len({branch.element.path for branch in branches_of(parameter) if branch.element}) == 1


@cache
def is_identifier(parameter: SearchParameter) -> bool:
    """Whether it finds resources by their identifiers, which nearly single out one resource."""
    return any(branch.fhir_type == "Identifier" for branch in branches_of(parameter))


@cache
def is_points(parameter: SearchParameter) -> bool:
    """Whether its dates are never periods of their own."""
    return all(branch.fhir_type in ("date", "dateTime", "instant") for branch in branches_of(parameter))


@cache
def has_one_row(parameter: SearchParameter) -> bool:
    """Whether a resource has at most one index row for it: one element that never repeats."""
    one_row_each = parameter.type in ("date", "uri") or has_one_row_per_code(parameter)
    repeats = any(branch.repeats for branch in branches_of(parameter))
    return one_row_each and _has_one_element(parameter) and not repeats


@cache
def searchable_codes(resource_type: str) -> tuple[str, ...]:
    """The codes that can be searched on a type, sorted."""
    found = definitions().search_parameters(resource_type).values()
    return tuple(sorted(p.code for p in found if is_searchable(p)))


def find_parameter(resource_type: str, code: str, expression: str) -> SearchParameter:
    """The parameter of a type; raise UnsupportedParameter, naming the valid ones, when it cannot be searched."""
    parameter = definitions().search_parameters(resource_type).get(code)
    if parameter is None:
        names = ", ".join(searchable_codes(resource_type))
        raise UnsupportedParameter(f"{resource_type} has no search parameter of this name. Known: {names}.", expression)
    if not is_searchable(parameter):
        raise UnsupportedParameter(
            f"{resource_type}'s parameter {code} of type {parameter.type} is not supported yet.", expression
        )
    return parameter
