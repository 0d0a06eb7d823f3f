"""The level `full` runs published invariants as FHIRPath, and the hand-written rules agree with their publication."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_server.fhir.validate import validate_resource
from fhir_server.fhir.validate.full import broken
from fhir_server.fhir.validate.paths import Path
from fhir_server.fhir.validate.rules import Rule
from fhir_server.fhir.validate.schema import Node
from fhir_server.fhir.validate.walk import Walk
from tests.unit.fhir.validate.resources import VALID, spoil
from tests.unit.fhir.validate.test_rules import BROKEN, KEPT

Json = dict[str, Any]

QUESTIONNAIRE: Json = {
    "resourceType": "Questionnaire",
    "name": "ContrastSafety",
    "status": "active",
    "item": [
        {"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "boolean", "text": "Any allergy?"}]},
        {"linkId": "2", "type": "display", "text": "Thank you"},
    ],
}
BROKEN_BY_PATH: list[tuple[str, Json, str, Any]] = [
    ("que-1", QUESTIONNAIRE, "item.1.item", [{"linkId": "2.1", "type": "string"}]),
    ("que-2", QUESTIONNAIRE, "item.1.linkId", "1.1"),
    ("que-3", QUESTIONNAIRE, "item.1.code", [{"code": "x"}]),
    ("que-6", QUESTIONNAIRE, "item.1.required", True),
]

# The expression is wrong as published (app-4 compares with no-show, a code that does not exist), or the engine does not
# compare quantities (rng-2), nor times of different offsets (inv-1).
KNOWN_DIFFERENCES = {("Appointment", "app-4"), ("Range", "rng-2"), ("Task", "inv-1")}


class Recorder(Walk):
    """A walk that also keeps what it met."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[tuple[Json, Node, Json]] = []

    def object(self, value: Json, node: Node, path: Path) -> None:
        self.met.append((value, node, self.resources[-1]))
        super().object(value, node, path)


def met(resource: Json) -> list[tuple[Json, Node, Json]]:
    recorder = Recorder()
    recorder.resource(copy.deepcopy(resource), (None, "Resource", None))
    return recorder.met


@pytest.mark.parametrize("resource", [*VALID.values(), *KEPT, QUESTIONNAIRE])
def test_valid_resource_passes_the_full_level(resource: Json) -> None:
    before = copy.deepcopy(resource)
    assert validate_resource(resource, level="full") == []
    assert resource == before


@pytest.mark.parametrize(("key", "resource", "path", "value"), BROKEN_BY_PATH)
def test_invariant_without_a_rule_is_found_at_the_full_level_only(
    key: str, resource: Json, path: str, value: Any
) -> None:
    spoilt = spoil(resource, path, value)
    assert any(f"({key})" in issue.text for issue in validate_resource(spoilt, level="full"))
    assert not any(f"({key})" in issue.text for issue in validate_resource(spoilt))


def test_full_level_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    validate_resource(QUESTIONNAIRE, level="full")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "resource", [*KEPT, *(spoil(r, path, value) for _, r, path, value in BROKEN)], ids=lambda r: str(r["resourceType"])
)
def test_hand_written_rules_agree_with_the_published_expressions(resource: Json) -> None:
    for value, node, current in met(resource):
        for invariant, rule in node.rules:
            if (node.name, invariant.key) not in KNOWN_DIFFERENCES:
                assert_agree(invariant, rule, value, node, current)


def assert_agree(invariant: Any, rule: Rule, value: Json, node: Node, current: Json) -> None:
    by_path = not list(broken([invariant], value, node.name, current, current))
    assert rule(value) == by_path, (invariant.key, invariant.expression)
