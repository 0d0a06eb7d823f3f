"""fhir.resources' R4B models as a second opinion: what they refuse we refuse too, but for their known faults.

They are not the judge: R4B is 4.3.0, and the models coerce, so much that is wrong passes them (see the last tests).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_server.fhir.validate import validate_resource
from tests.unit.fhir.validate.resources import VALID, spoil
from tests.unit.fhir.validate.test_rules import KEPT
from tests.unit.fhir.validate.test_validate_resource import FAULTS, GOOD

Json = dict[str, Any]


def model_accepts(resource: Json) -> bool:
    model = get_fhir_model_class(str(resource["resourceType"]))
    text = json.dumps(resource, default=lambda v: float(v) if isinstance(v, Decimal) else v)
    try:
        model.model_validate_json(text)
    except (ValueError, KeyError):  # an unknown resourceType inside a Bundle is a bare KeyError there
        return False
    return True


@pytest.mark.parametrize("resource", [*VALID.values(), *KEPT], ids=lambda resource: str(resource["resourceType"]))
def test_valid_resources_are_valid_to_the_models_too(resource: Json) -> None:
    assert model_accepts(resource)


# Legal in R4 and refused by the models, by the element that trips them.
REFUSED_BY_FAULT = {
    "extension",  # Extension.valueMeta is R4; R4B dropped it
    "started",  # a leap second; Python's datetime has none
}


@pytest.mark.parametrize(("resource", "path", "value"), GOOD)
def test_legal_content_is_legal_to_the_models_but_for_their_known_faults(resource: Json, path: str, value: Any) -> None:
    assert model_accepts(spoil(resource, path, value)) or path in REFUSED_BY_FAULT


@pytest.mark.parametrize(("resource", "path", "value", "code", "expression"), FAULTS)
def test_what_the_models_refuse_is_refused_here(
    resource: Json, path: str, value: Any, code: str, expression: str
) -> None:
    spoilt = spoil(resource, path, value)
    if not model_accepts(spoilt):
        assert validate_resource(spoilt)


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        (VALID["Patient"], "gender", "M"),
        (VALID["Patient"], "active", "true"),
        (VALID["Patient"], "telecom.0.rank", "1"),
        (VALID["Patient"], "text.div", "<div><script>x()</script></div>"),
        (VALID["ImagingStudy"], "subject.reference", "Practitioner/1"),
        (VALID["Observation"], "valueQuantity.value", "6.30"),
    ],
)
def test_models_accept_what_r4_forbids_so_they_are_not_the_judge(resource: Json, path: str, value: Any) -> None:
    spoilt = spoil(resource, path, value)
    assert model_accepts(spoilt)
    assert validate_resource(spoilt)
