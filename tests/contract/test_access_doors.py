"""Every route declares its audience, and none but the declared open ones answers an anonymous caller."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from fhir_server.access.declare import Audience, declaration_of
from fhir_server.access.sessions import COOKIE
from fhir_server.access.tokens import TokenVerifier, issue_token
from tests.support.fhir_door import BASE, Door, Region, outcome, unique

#: Everything that answers without signing in, and why that is right.
OPEN = {
    "healthz", "readyz", "metrics_view",  # operators' probes, without patient data
    "fhir.capabilities_view", "oauth.smart_configuration", "oauth.token",  # how to become somebody
    "portal.sign_in_page", "portal.sign_in", "portal.static_file", "portal.styles",
}  # fmt: skip


def rules(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each rule with each of its methods and an address that it matches."""
    for rule in app.url_map.iter_rules():
        address = re.sub(r"<(?:int:)[^>]+>", "1", rule.rule)
        address = re.sub(r"<(?:path:)?[^>]+>", "Patient", address)
        for method in sorted(rule.methods or ()):
            yield rule, method, address


def test_every_route_declares_its_audience(region: Region):
    assert {name for name, view in region.app.view_functions.items() if declaration_of(view) is None} == set()


def test_only_the_listed_routes_are_open_to_anyone(region: Region):
    declared = {name: declaration_of(view) for name, view in region.app.view_functions.items()}
    open_routes = {name for name, d in declared.items() if d is not None and Audience.ANYONE in d.audiences}
    portal_furniture = {name for name in open_routes if name.startswith("portal.")}
    assert open_routes - portal_furniture <= OPEN


def test_an_anonymous_caller_gets_nothing_but_the_open_routes(region: Region):
    client = region.app.test_client()
    for rule, method, address in rules(region.app):
        declared = declaration_of(region.app.view_functions[rule.endpoint])
        assert declared is not None
        if Audience.ANYONE in declared.audiences:
            continue
        answer = client.open(address, method=method)
        if address.startswith(("/fhir", "/dicomweb", "/auth")):
            assert answer.status_code == 401, (method, address, answer.status_code)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        else:
            assert answer.status_code in (302, 303, 401), (method, address, answer.status_code)


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer junk", "Basic dXNlcjpwYXNz", "Token x", "Bearer \u00e9", "bearer junk",
     "Bearer a Bearer b",
     "Bearer " + "x" * 100_000],
)  # fmt: skip
def test_what_is_no_token_is_refused_everywhere(region: Region, header: str):
    client = region.app.test_client()
    for path in ("/fhir/Patient/1", "/fhir/metadata", "/fhir/nowhere/at/all/x"):
        answer = client.get(path, headers={"Authorization": header})
        outcome(answer, 401, "login")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_no_token(region: Region):
    client_id, _ = region.add_client()
    token = issue_token(region.accounts, client_id, "system/*.cruds", 60).access_token
    outcome(region.anonymous().get(f"/Patient/1?access_token={token}"), 401)


def test_the_scheme_may_be_written_in_any_case(region: Region):
    door = region.door()
    door.headers = {"Authorization": door.headers["Authorization"].replace("Bearer", "BEARER")}
    outcome(door.get("/Patient/absent"), 404)


def test_an_expired_token_and_one_of_a_disabled_client_are_refused(region: Region):
    client_id, _ = region.add_client()
    expired = Door(region.app, issue_token(region.accounts, client_id, "system/*.cruds", 0).access_token)
    outcome(expired.get("/Patient/absent"), 401)
    token = issue_token(region.accounts, client_id, "system/*.cruds", 60).access_token
    outcome(Door(region.app, token).get("/Patient/absent"), 404)
    region.accounts.disable_client(client_id)
    assert TokenVerifier(region.accounts).caller_of(token) is None


def test_a_disabled_client_stops_within_seconds(region: Region, monkeypatch: pytest.MonkeyPatch):
    client_id, _ = region.add_client()
    door = Door(region.app, issue_token(region.accounts, client_id, "system/*.cruds", 60).access_token)
    outcome(door.get("/Patient/absent"), 404)
    region.accounts.disable_client(client_id)
    import fhir_server.access.tokens as tokens

    real = tokens.time.monotonic
    monkeypatch.setattr(tokens.time, "monotonic", lambda: real() + tokens.MEMORY_S + 0.1)
    outcome(door.get("/Patient/absent"), 401)


def test_forged_headers_make_nobody_somebody(region: Region):
    forged = {"X-Forwarded-User": "admin", "NHSD-Session-URID": "1", "X-HTTP-Method-Override": "GET", "X-User": "x"}
    outcome(region.anonymous().get("/Patient/1", headers=forged), 401)
    outcome(region.anonymous().post("/Patient/1", headers=forged), 405)


def test_a_stale_or_invented_cookie_is_nobody(region: Region):
    client = region.app.test_client()
    client.set_cookie(COOKIE, "invented")
    outcome(client.get("/fhir/Patient/1"), 401)
    assert client.get("/fhir/metadata").status_code == 200


def test_every_answer_forbids_sniffing_and_carries_its_request_id(region: Region, door: Door):
    for answer in (door.get("/Patient/absent"), region.anonymous().get("/Patient/1"), door.get("/metadata")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]
    given = door.get("/metadata", headers={"X-Request-ID": "from-the-proxy.1"})
    assert given.headers["X-Request-ID"] == "from-the-proxy.1"
    for bad in ("a b", "x" * 65, "<script>", "\x1b[31m"):
        assert door.get("/metadata", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad


def test_discovery_and_metadata_can_be_read_from_any_origin_and_nothing_else(region: Region, door: Door):
    client = region.app.test_client()
    origin = {"Origin": "https://viewer.example"}
    for path in ("/fhir/metadata", "/fhir/.well-known/smart-configuration"):
        answer = client.get(path, headers=origin)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in door.get("/Patient/absent", headers=origin).headers


@pytest.mark.parametrize("accept", ["", "application/fhir+xml", "text/html", "application/json"])
def test_discovery_is_json_whatever_is_accepted(region: Region, accept: str):
    answer = region.app.test_client().get("/fhir/.well-known/smart-configuration", headers={"Accept": accept})
    assert answer.content_type.startswith("application/json")
    content = answer.get_json()
    assert content["token_endpoint"] == f"{BASE.removesuffix('/fhir')}/auth/token"
    assert set(content["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert "client_credentials" in content["grant_types_supported"]


def test_every_listed_scope_can_be_granted(region: Region):
    client_id, secret = region.add_client()
    client = region.app.test_client()
    listed = client.get("/fhir/.well-known/smart-configuration").get_json()["scopes_supported"]
    for scope in listed:
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = client.post("/auth/token", data=form, auth=(client_id, secret))
        assert answer.get_json()["scope"] == scope


def test_an_error_page_of_the_api_is_never_html(door: Door):
    for path in (f"/{unique('x')}/1/2/3/4", "/%00", "/Patient/1/_history/1/2"):
        assert door.get(path).content_type.startswith("application/fhir+json")
