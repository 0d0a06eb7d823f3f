"""Whatever JSON stands anywhere in a resource, validation answers with issues and never raises."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhir.validate import validate_resource
from tests.unit.fhir.validate.resources import VALID
from tests.unit.fhir.validate.test_rules import KEPT

Json = dict[str, Any]
Place = tuple[str | int, ...]

NAMES = st.sampled_from(
    ["id", "resourceType", "extension", "url", "valueString", "reference", "contained", "coding", "entry", "meta", "_x"]
) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["#", "#order", "urn:uuid:1", "2020-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "Patient"])
)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def places(value: Any, here: Place = ()) -> list[Place]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [here] if here else []
    for step, inner in steps:
        found += places(inner, (*here, step))
    return found


RESOURCES = [*VALID.values(), *KEPT]
PLACES = [places(resource) for resource in RESOURCES]


def put(resource: Json, place: Place, value: Any) -> None:
    parent: Any = resource
    for step in place[:-1]:
        if not isinstance(parent, dict | list):
            return
        try:
            parent = parent[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(parent, dict) or (
        isinstance(parent, list) and isinstance(place[-1], int) and place[-1] < len(parent)
    ):
        parent[place[-1]] = value


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_resource_gets_issues_and_no_exception(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(RESOURCES) - 1))
    mutated = copy.deepcopy(RESOURCES[number])
    for _ in range(data.draw(st.integers(1, 3))):
        put(mutated, data.draw(st.sampled_from(PLACES[number])), data.draw(ANY_JSON))
    for issue in validate_resource(mutated):
        assert issue.severity == "error"
        assert issue.expression
        assert issue.text.endswith((".", ")", "?"))


@settings(max_examples=100, deadline=None)
@given(ANY_JSON)
def test_any_json_at_all_is_judged(content: Any) -> None:
    validate_resource(content)
    if isinstance(content, dict):
        validate_resource({**content, "resourceType": "ImagingStudy"})


def test_mutation_reaches_every_kind_of_place() -> None:
    assert sum(len(found) for found in PLACES) > 300
