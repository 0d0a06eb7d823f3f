"""The CapabilityStatement says what is routed and searched, no more and no less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.definitions import definitions
from fhir_server.api.routes import fhir
from fhir_server.errors import UnsupportedParameter
from fhir_server.fhir.validate import validate_resource
from fhir_server.interactions.capabilities import capability_statement
from fhir_server.search.parameters import searchable_codes
from fhir_server.search.parse import parse_search
from fhir_server.settings import Settings

#: The view of each interaction that the statement may name.
VIEWS = {
    "read": "read_view",
    "vread": "vread_view",
    "update": "update_view",
    "delete": "delete_view",
    "history-instance": "history_instance_view",
    "create": "create_view",
    "search-type": "search_type_view",
    "transaction": "bundle_view",
    "batch": "bundle_view",
}
FURNITURE = {"capabilities_view", "search_type_post_view"}


@pytest.fixture(scope="module")
def statement() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        capability_statement(Settings.from_environment({}), "https://record.example/fhir")
    )
    return found


@pytest.fixture(scope="module")
def rest(statement: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = statement["rest"][0]
    return found


def test_the_statement_is_valid(statement: dict[str, Any]):
    assert validate_resource(statement) == []
    assert statement["fhirVersion"] == "4.0.1"


def test_every_type_of_r4_is_listed_once(rest: dict[str, Any]):
    assert [r["type"] for r in rest["resource"]] == list(definitions().resource_types)


def test_interactions_are_those_that_are_routed(rest: dict[str, Any]):
    claimed = {i["code"] for i in rest["interaction"]}
    for resource in rest["resource"]:
        claimed |= {i["code"] for i in resource["interaction"]}
    assert claimed == set(VIEWS)
    views = {name.removeprefix("fhir.") for name in _endpoints()}
    assert views == set(VIEWS.values()) | FURNITURE


def _endpoints() -> set[str]:
    from flask import Flask

    app = Flask(__name__)
    app.register_blueprint(fhir)
    return {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint != "static"}


def test_search_parameters_are_those_that_are_searched(rest: dict[str, Any]):
    for resource in rest["resource"]:
        known = definitions().search_parameters(resource["type"])
        listed = {p["name"]: p for p in resource.get("searchParam", ())}
        assert tuple(sorted(listed)) == searchable_codes(resource["type"])
        for name, parameter in listed.items():
            assert parameter["type"] == known[name].type
            assert parameter["definition"] == known[name].url
        for name in set(known) - set(listed):
            with pytest.raises(UnsupportedParameter):
                parse_search(resource["type"], [(name, "1")])


def test_listed_includes_are_understood(rest: dict[str, Any]):
    for resource in rest["resource"]:
        for include in resource.get("searchInclude", ()):
            assert parse_search(resource["type"], [("_include", include)]).includes


def test_the_token_endpoint_is_where_older_clients_look(rest: dict[str, Any]):
    extension = rest["security"]["extension"][0]
    assert extension["extension"] == [{"url": "token", "valueUri": "https://record.example/auth/token"}]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
