"""From one `name=value` to a criterion: modifiers, alternatives, chains and `_has`.

https://hl7.org/fhir/R4/search.html#modifiers, #chaining and #has
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conformance.definitions import SearchParameter, definitions
from fhir_server.errors import BadRequest, UnsupportedParameter
from fhir_server.search.date import DateValue, parse_date
from fhir_server.search.escapes import split_escaped
from fhir_server.search.parameters import find_parameter, is_points, is_primitive, is_searchable
from fhir_server.search.query import Chain, Criterion, Hop, Matches, Missing, OnResource, Reverse
from fhir_server.search.reference import ReferenceValue, parse_reference
from fhir_server.search.resource_values import LastUpdatedValue, parse_id
from fhir_server.search.rows import SearchContext
from fhir_server.search.string import parse_string
from fhir_server.search.token import parse_token
from fhir_server.search.uri import parse_uri
from fhir_server.search.values import Value

HOPS_MAX = 4
#: An untyped chain is tried on every type that it may lead to; more than this must be narrowed by the client.
CHAIN_TYPES_MAX = 8
#: SQLite refuses expressions nested more than 1,000 deep, and a list of alternatives nests two or three a piece.
ALTERNATIVES_MAX = 200
IDS_MAX = 1000


@dataclass(frozen=True)
class CriterionParser:
    """`now` (microseconds UTC) is what the prefix `ap` is relative to."""

    context: SearchContext
    now: int

    def parse(self, resource_type: str, name: str, value: str, expression: str, hops: int = 0) -> Criterion:
        """Parse one criterion on a type; raise UnsupportedParameter or BadRequest."""
        if hops > HOPS_MAX:
            raise UnsupportedParameter(f"A chain has at most {HOPS_MAX} hops.", expression)
        if name.startswith("_has:"):
            return self._reverse(resource_type, name, value, expression, hops)
        head, chained, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = find_parameter(resource_type, code, expression)
        if chained:
            return self._chain(parameter, modifier, (rest, value), expression, hops)
        if modifier == "missing":
            return _missing(parameter, value, expression)
        alternatives = split_escaped(value, ",")
        most = IDS_MAX if code == "_id" else ALTERNATIVES_MAX
        if len(alternatives) > most:
            raise BadRequest(f"More than {most} alternatives.", expression)
        return self._matches(parameter, modifier, alternatives, expression)

    def _matches(
        self, parameter: SearchParameter, modifier: str, alternatives: list[str], expression: str
    ) -> Criterion:
        make = self._value_parser(parameter, modifier, expression)
        values = tuple(dict.fromkeys(make(text) for text in alternatives))
        if parameter.code in ("_id", "_lastUpdated"):
            return OnResource(values)
        return Matches(parameter, values, negated=parameter.type == "token" and modifier == "not")

    def _value_parser(self, parameter: SearchParameter, modifier: str, expression: str) -> Callable[[str], Value]:
        if parameter.code == "_id" and not modifier:
            return lambda text: parse_id(text, expression)
        if parameter.code == "_lastUpdated" and not modifier:
            return lambda text: LastUpdatedValue(*self._date(text, expression))
        kind = parameter.type
        if kind == "token" and modifier in ("", "not") and parameter.code != "_id":
            return lambda text: parse_token(text, expression, primitive=is_primitive(parameter))
        if kind == "string" and modifier in ("", "exact", "contains"):
            return lambda text: parse_string(text, expression, _HOW[modifier])
        if kind == "date" and not modifier:
            return lambda text: DateValue(*self._date(text, expression), points=is_points(parameter))
        if kind == "uri" and not modifier:
            return lambda text: parse_uri(text, expression)
        if kind == "reference" and modifier == "identifier":
            return lambda text: parse_token(text, expression)
        if kind == "reference":
            return self._reference_parser(parameter, modifier, expression)
        raise _unsupported_modifier(parameter, modifier, expression)

    def _reference_parser(
        self, parameter: SearchParameter, modifier: str, expression: str
    ) -> Callable[[str], ReferenceValue]:
        targets = _chain_targets(parameter, modifier, expression)

        def make(text: str) -> ReferenceValue:
            value = parse_reference(text, expression, targets, self.context.base_url)
            if modifier and not any(f"{modifier}/" in target for target in value.targets):
                raise BadRequest(f"The reference is not to a {modifier}.", expression)
            return value

        return make

    def _date(self, text: str, expression: str) -> tuple[str, int, int]:
        return parse_date(text, expression, self.context.time_zone, now=self.now)

    def _chain(
        self, parameter: SearchParameter, modifier: str, rest: tuple[str, str], expression: str, hops: int
    ) -> Chain:
        if parameter.type != "reference":
            raise BadRequest(f"{parameter.code} is not a reference and cannot be chained.", expression)
        name, value = rest
        code = name.split(".")[0].split(":")[0]
        targets = _chain_targets(parameter, modifier, expression)
        able = [t for t in targets if code == "_has" or _has_parameter(t, code)]
        if not able:
            find_parameter(targets[0], code, expression)  # says what is wrong
        if len(able) > CHAIN_TYPES_MAX:
            raise UnsupportedParameter(
                f"The chain may lead to {len(able)} types; name one, as in {parameter.code}:{able[0]}.", expression
            )
        found = tuple(Hop(t, self.parse(t, name, value, expression, hops + 1)) for t in able)
        return Chain(parameter, found)

    def _reverse(self, resource_type: str, name: str, value: str, expression: str, hops: int) -> Reverse:
        parts = name.split(":", 3)
        if len(parts) < 4 or parts[1] not in definitions().resource_types:
            raise BadRequest("_has is written _has:Type:reference:parameter.", expression)
        _, source, code, rest = parts
        parameter = find_parameter(source, code, expression)
        if parameter.type != "reference" or resource_type not in parameter.targets:
            raise BadRequest(f"{source}'s parameter {code} does not refer to {resource_type}.", expression)
        return Reverse(parameter, resource_type, self.parse(source, rest, value, expression, hops + 1))


_HOW: dict[str, Literal["starts", "exact", "contains"]] = {"": "starts", "exact": "exact", "contains": "contains"}


def _missing(parameter: SearchParameter, value: str, expression: str) -> Criterion:
    if value not in ("true", "false"):
        raise BadRequest(":missing takes true or false.", expression)
    if parameter.code in ("_id", "_lastUpdated"):
        raise UnsupportedParameter(f"{parameter.code} is never missing.", expression)
    return Missing(parameter, value == "true")


def _chain_targets(parameter: SearchParameter, modifier: str, expression: str) -> tuple[str, ...]:
    """The types that the reference can lead to, or the one that the modifier names."""
    if not modifier:
        return parameter.targets
    if modifier not in parameter.targets:
        if modifier in definitions().resource_types:
            raise BadRequest(f"{parameter.code} does not refer to {modifier}.", expression)
        raise _unsupported_modifier(parameter, modifier, expression)
    return (modifier,)


def _has_parameter(resource_type: str, code: str) -> bool:
    parameter = definitions().search_parameters(resource_type).get(code)
    return parameter is not None and is_searchable(parameter)


def _unsupported_modifier(parameter: SearchParameter, modifier: str, expression: str) -> UnsupportedParameter:
    return UnsupportedParameter(
        f"The modifier :{modifier} is not supported on {parameter.code}, a parameter of type {parameter.type}.",
        expression,
    )
