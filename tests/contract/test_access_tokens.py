"""The token endpoint under attack, on both databases (RFC 6749, RFC 7523, SMART Backend Services)."""

from __future__ import annotations

import base64
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc import jwk, jwt
from werkzeug.test import TestResponse

from fhir_server.access import oauth
from tests.support.fhir_door import Door, Region, outcome, unique

TOKEN_URL = "http://localhost/auth/token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RSA = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
EC = jwk.ECKey.generate_key("P-384", {"kid": "ec"})
STRANGER = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
ALGORITHMS = ["RS256", "RS384", "ES384", "HS256", "PS384"]


def ask(region: Region, form: Any, **given: Any) -> TestResponse:
    return region.app.test_client().post("/auth/token", data=form, **given)


def refused(answer: TestResponse, *errors: str, status: tuple[int, ...] = (400, 401)) -> None:
    """An error of RFC 6749, and never cached."""
    assert answer.status_code in status, (answer.status_code, answer.text)
    assert answer.content_type.startswith("application/json")
    assert answer.get_json()["error"] in errors, answer.text
    assert answer.headers["Cache-Control"] == "no-store"


GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def client(region: Region) -> tuple[str, str]:
    return region.add_client("system/Patient.rs system/ImagingStudy.rs")


def test_a_secret_is_exchanged_for_a_token_by_header_or_form(region: Region, client: tuple[str, str]):
    for answer in (
        ask(region, GRANT, auth=client),
        ask(region, {**GRANT, "client_id": client[0], "client_secret": client[1]}),
    ):
        assert answer.status_code == 200
        content = answer.get_json()
        assert (content["token_type"], content["expires_in"]) == ("Bearer", 300)
        assert content["scope"] == "system/Patient.rs system/ImagingStudy.rs"
        assert "refresh_token" not in content
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        outcome(Door(region.app, content["access_token"]).get("/Patient/absent"), 404)
        outcome(Door(region.app, content["access_token"]).get("/Observation/absent"), 403)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/Patient.r", "system/Patient.r"),
        ("system/Patient.read", "system/Patient.read"),
        ("system/Patient.rs system/Patient.rs", "system/Patient.rs"),
        ("", "system/Patient.rs system/ImagingStudy.rs"),
    ],
)
def test_scopes_within_the_registration_are_granted_as_asked(
    region: Region, client: tuple[str, str], asked: str, granted: str
):
    assert ask(region, {**GRANT, "scope": asked}, auth=client).get_json()["scope"] == granted


@pytest.mark.parametrize(
    "asked",
    ["system/*.rs", "system/Patient.cruds", "system/Observation.r", "patient/Patient.rs", "user/Patient.rs",
     "system/Patient.sr",
     "system/Patient.rs openid", "system/Patient.rs?x=y", "system/Patient.rs " + "system/Group.r " * 4000, "junk"],
)  # fmt: skip
def test_scopes_beyond_the_registration_are_refused_whole(region: Region, client: tuple[str, str], asked: str):
    refused(ask(region, {**GRANT, "scope": asked}, auth=client), "invalid_scope", "invalid_request")


def test_scopes_of_users_and_patients_are_not_for_clients_by_themselves(region: Region):
    for scope in ("patient/*.rs", "user/*.rs"):
        refused(ask(region, GRANT, auth=region.add_client(scope)), "invalid_scope")


def test_credentials_that_are_not_good_are_refused(region: Region, client: tuple[str, str]):
    refused(ask(region, GRANT, auth=(client[0], "wrong")), "invalid_client")
    refused(ask(region, GRANT, auth=("nobody", client[1])), "invalid_client")
    refused(ask(region, GRANT, auth=(client[0], "")), "invalid_client")
    refused(ask(region, {**GRANT, "client_id": client[0]}), "invalid_client")
    refused(ask(region, GRANT), "invalid_client")
    answer = ask(region, GRANT, auth=(client[0], "wrong"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    unknown = ask(region, GRANT, auth=("nobody", "wrong"))
    assert (unknown.status_code, unknown.data) == (answer.status_code, answer.data)


def test_a_client_with_keys_has_no_secret(region: Region):
    client_id, _ = region.add_client(jwks=json.dumps(jwk.KeySet([RSA]).as_dict(private=False)))
    for secret in ("", "None", "null"):
        refused(ask(region, GRANT, auth=(client_id, secret)), "invalid_client")


@pytest.mark.parametrize("grant", ["authorization_code", "password", "implicit", "refresh_token", "x", ""])
def test_other_grants_are_refused(region: Region, client: tuple[str, str], grant: str):
    refused(ask(region, {"grant_type": grant}, auth=client), "unsupported_grant_type", "invalid_request")


def test_requests_of_another_form_are_refused(region: Region, client: tuple[str, str]):
    refused(ask(region, GRANT, auth=client, query_string={"scope": "x"}), "invalid_request")
    refused(
        ask(region, None, query_string={**GRANT, "client_id": client[0], "client_secret": client[1]}), "invalid_request"
    )
    refused(ask(region, json.dumps(GRANT), auth=client, content_type="application/json"), "invalid_request")
    refused(ask(region, b"", auth=client, content_type="multipart/form-data; boundary=x"), "invalid_request")
    form = "application/x-www-form-urlencoded"
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    refused(ask(region, twice, auth=client, content_type=form), "invalid_request")
    refused(ask(region, f"{twice[:29]}&scope=system/Patient.r&scope=system/Patient.s", auth=client, content_type=form),
            "invalid_request")  # fmt: skip
    refused(ask(region, {**GRANT, "scope": "system/P\u00e4tient.rs"}, auth=client), "invalid_request")
    refused(ask(region, {**GRANT, "client_id": "a\u0000b", "client_secret": "x"}), "invalid_request", "invalid_client")
    refused(ask(region, {**GRANT, "client_id": "'\"<>", "client_secret": "%s"}), "invalid_client")
    assert region.app.test_client().get("/auth/token").status_code == 405


@pytest.mark.parametrize("header", [b"Basic \xff\xfe", b"Basic !!!", b"Basic " + base64.b64encode(b"\xff\xfe:\xff"),
                                    b"Basic " + base64.b64encode(b"no colon"), b"Basic", b"Digest x", b"Bearer x",
                                    b"Basic " + base64.b64encode("caf\u00e9:x".encode()),
                                    b"Basic " + base64.b64encode(b"a\x00b:x")])  # fmt: skip
def test_unreadable_credentials_are_the_callers_fault(region: Region, header: bytes):
    answer = ask(region, GRANT, headers={"Authorization": header.decode("latin-1")})
    refused(answer, "invalid_client", "invalid_request")


# --- private_key_jwt ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keyed(region: Region) -> str:
    keys = jwk.KeySet([RSA, EC]).as_dict(private=False)
    return region.add_client("system/Patient.rs", jwks=json.dumps(keys))[0]


def claims(client_id: str, **changed: Any) -> dict[str, Any]:
    made = {"iss": client_id, "sub": client_id, "aud": TOKEN_URL, "exp": int(time.time()) + 240, "jti": unique("jti")}
    return {k: v for k, v in (made | changed).items() if v is not None}


def signed(content: dict[str, Any], algorithm: str = "RS384", key: Any = RSA, **header: Any) -> str:
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **header}
    return jwt.encode({k: v for k, v in head.items() if v is not None}, content, key, algorithms=ALGORITHMS)


def present(region: Region, assertion: str, **more: str) -> TestResponse:
    return ask(region, {**GRANT, "client_assertion_type": ASSERTION, "client_assertion": assertion, **more})


def test_assertions_of_the_two_algorithms_of_smart_are_accepted(region: Region, keyed: str):
    for algorithm, key in (("RS384", RSA), ("ES384", EC)):
        answer = present(region, signed(claims(keyed), algorithm, key))
        assert answer.status_code == 200, answer.text
        outcome(Door(region.app, answer.get_json()["access_token"]).get("/Patient/absent"), 404)


def test_weak_missing_and_confused_algorithms_are_refused(region: Region, keyed: str):
    refused(present(region, signed(claims(keyed), "RS256")), "invalid_client")
    body = base64.urlsafe_b64encode(json.dumps(claims(keyed)).encode()).rstrip(b"=").decode()
    for name in ("none", "None", "NONE", "nOnE"):
        head = base64.urlsafe_b64encode(json.dumps({"alg": name, "kid": "rsa"}).encode()).rstrip(b"=").decode()
        refused(present(region, f"{head}.{body}."), "invalid_client")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS384", "kid": "rsa"}).encode()).rstrip(b"=").decode()
    mac = hmac.digest(RSA.as_pem(private=False), f"{head}.{body}".encode(), "sha384")
    refused(present(region, f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"), "invalid_client")


def test_a_signature_by_another_key_is_refused(region: Region, keyed: str):
    refused(present(region, signed(claims(keyed), key=STRANGER)), "invalid_client")
    good = signed(claims(keyed))
    refused(present(region, good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")), "invalid_client")


@pytest.mark.parametrize(
    "header",
    [{"jku": "https://evil.example/jwks"}, {"kid": None}, {"kid": "other"}, {"kid": "../../etc/passwd"},
     {"kid": "x" * 10_000}, {"crit": ["b64"], "b64": False}, {"crit": ["x"], "x": 1}],
)  # fmt: skip
def test_headers_that_lead_elsewhere_are_refused(region: Region, keyed: str, header: dict[str, Any]):
    try:
        assertion = signed(claims(keyed), **header)
    except Exception:  # the library will not even make it: write it by hand
        head = base64.urlsafe_b64encode(json.dumps({"alg": "RS384", **header}).encode()).rstrip(b"=").decode()
        assertion = f"{head}.{signed(claims(keyed)).partition('.')[2]}"
    refused(present(region, assertion), "invalid_client")


def test_a_key_sent_along_is_not_used(region: Region, keyed: str):
    assertion = signed(claims(keyed), key=STRANGER, jwk=STRANGER.as_dict(private=False))
    refused(present(region, assertion), "invalid_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"}, {"iss": None}, {"sub": None}, {"sub": 5}, {"aud": None}, {"aud": "https://elsewhere.example/token"},
        {"aud": ["https://elsewhere.example"]}, {"aud": 7}, {"exp": None}, {"exp": "soon"}, {"exp": [1]}, {"exp": True},
        {"exp": int(time.time()) - 61}, {"exp": int(time.time()) + 86_400}, {"exp": 1e308}, {"jti": None}, {"jti": 5},
        {"jti": ""}, {"jti": "x" * 10_000}, {"jti": "a\u0000b"}, {"nbf": int(time.time()) + 3600},
        {"sub": "nobody", "iss": "nobody"},
        {"iat": "x"},
    ],
)  # fmt: skip
def test_claims_that_do_not_hold_are_refused(region: Region, keyed: str, changed: dict[str, Any]):
    refused(present(region, signed(claims(keyed, **changed))), "invalid_client")


def test_an_assertion_may_name_the_issuer_or_be_a_little_late(region: Region, keyed: str):
    assert present(region, signed(claims(keyed, aud="http://localhost"))).status_code == 200
    assert present(region, signed(claims(keyed, exp=int(time.time()) - 5))).status_code == 200


def test_an_assertion_is_good_once(region: Region, keyed: str):
    assertion = signed(claims(keyed))
    assert present(region, assertion).status_code == 200
    refused(present(region, assertion), "invalid_client")


def test_of_parallel_replays_one_succeeds(region: Region, keyed: str):
    assertion = signed(claims(keyed))
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(a.status_code for a in pool.map(lambda _: present(region, assertion), range(16)))
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {400, 401}


def test_two_clients_may_use_the_same_jti(region: Region, keyed: str):
    other = region.add_client("system/Patient.rs", jwks=json.dumps(jwk.KeySet([RSA]).as_dict(private=False)))[0]
    shared = unique("jti")
    assert present(region, signed(claims(keyed, jti=shared))).status_code == 200
    assert present(region, signed(claims(other, jti=shared))).status_code == 200


@pytest.mark.parametrize("junk", ["", "x", "a.b", "a.b.c", "...", "e30.e30.", "\u00e9", "x" * 60_000, "a.b.c.d.e"])
def test_what_is_no_assertion_is_refused(region: Region, junk: str):
    refused(present(region, junk), "invalid_client", "invalid_request")


def test_a_wrong_assertion_type_is_refused(region: Region, keyed: str):
    form = {**GRANT, "client_assertion_type": "saml", "client_assertion": signed(claims(keyed))}
    refused(ask(region, form), "invalid_client")


def test_a_disabled_client_gets_no_token(region: Region):
    client = region.add_client()
    region.accounts.disable_client(client[0])
    refused(ask(region, GRANT, auth=client), "invalid_client")


def test_a_form_of_megabytes_is_refused_unread(region: Region, client: tuple[str, str]):
    refused(ask(region, {**GRANT, "scope": "x" * 1_000_000}, auth=client), "invalid_request")


def test_the_lists_of_discovery_are_those_in_force():
    assert oauth.SIGNING_ALGORITHMS == ["RS384", "ES384"]
