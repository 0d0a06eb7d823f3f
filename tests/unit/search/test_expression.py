"""Search-parameter expressions: every published one compiles, and fhirpathpy, the referee, finds the same values."""

from __future__ import annotations

import json
import re
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from conformance.definitions import SearchParameter, definitions
from fhir_server.search.expression import UnsupportedExpression, compile_expression
from tests.support.sample_resources import RESOURCES


def test_every_expression_of_every_type_compiles() -> None:
    for parameter in definitions().search_parameter_by_number.values():
        branches = compile_expression(parameter.expression, parameter.resource_type)
        assert branches or not parameter.expression


def test_foreign_function_is_refused() -> None:
    with pytest.raises(UnsupportedExpression):
        compile_expression("Patient.name.first()", "Patient")


def test_unknown_element_is_refused() -> None:
    with pytest.raises(UnsupportedExpression):
        compile_expression("Patient.colour", "Patient")


def _published(parameter: SearchParameter) -> str:
    """The expression with what fhirpathpy lacks said in other words."""
    text = re.sub(
        r"\.where\(resolve\(\) is (\w+)\)", r".where(reference.matches('(^|/)\1/[^/]+$'))", parameter.expression
    )
    text = re.sub(r"\((\S+) as (\w+)\)", r"(\1.ofType(\2))", text)
    return re.sub(r"\.as\((\w+)\)", r".ofType(\1)", text)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r["resourceType"])
def test_referee_finds_the_same_values(resource: dict[str, Any]) -> None:
    for parameter in definitions().search_parameters(resource["resourceType"]).values():
        rooted_elsewhere = parameter.expression.startswith(("Resource.", "DomainResource."))
        if parameter.type in ("composite", "special") or rooted_elsewhere or not parameter.expression:
            continue
        expected = fhirpathpy.evaluate(resource, _published(parameter), {}, models["r4"])
        branches = compile_expression(parameter.expression, parameter.resource_type)
        found = [value for branch in branches for value in branch.evaluate(resource)]
        assert _canonical(found) == _canonical(expected), parameter.code


def _canonical(values: list[Any]) -> set[str]:
    return {json.dumps(value, sort_keys=True, default=str) for value in values}
