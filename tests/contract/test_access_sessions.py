"""Signing in to the portal: lock-out, idling, age, CSRF, cookies; on both databases."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_server.access import sessions as module
from fhir_server.access.secrets import password_digest
from fhir_server.access.sessions import COOKIE, SessionRules, Sessions
from fhir_server.errors import Throttled, Unauthenticated
from fhir_server.storage.accounts import UserRecord
from tests.support.fhir_door import Region, outcome, unique

PASSWORD = "correct horse battery"
_DIGEST = password_digest(PASSWORD)
RULES = SessionRules(idle_s=1800, lifetime_s=43200, failures_max=3, lockout_s=300)


def add_user(region: Region, role: str = "clinician") -> str:
    name = unique("person")
    region.accounts.add_user(UserRecord(unique("id"), name, name, role, "RX1", _DIGEST))
    return name


class Clock:
    """Time that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        monkeypatch.setattr(module, "now_us", lambda: int((time.time() + self.ahead_s) * 1_000_000))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_name_and_password_make_a_session(region: Region):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    found = sessions.find(sessions.sign_in(f" {name.upper()} ", PASSWORD))
    assert found is not None
    assert (found.caller.name, found.caller.role, found.caller.trust) == (name, "clinician", "RX1")
    assert sessions.find("invented") is None


def test_wrong_name_wrong_password_and_disabled_user_hear_the_same(region: Region):
    sessions, name, disabled = Sessions(region.accounts, RULES), add_user(region), add_user(region)
    user = region.accounts.find_user(disabled)
    assert user is not None
    region.accounts.update_user(user.user_id, disabled=True)
    said = set()
    for who, password in ((name, "wrong"), ("nobody", PASSWORD), (disabled, PASSWORD), (name, ""), ("a\u0000b", "x")):
        with pytest.raises(Exception) as refused:  # noqa: PT011
            sessions.sign_in(who, password)
        said.add(str(refused.value))
    assert "The user name and password do not match." in said
    assert len(said) <= 2  # a name with a NUL is refused by the database first


def test_a_user_must_wait_after_too_many_wrong_passwords(region: Region, clock: Clock):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            sessions.sign_in(name, "wrong")
    with pytest.raises(Throttled):
        sessions.sign_in(name, PASSWORD)
    clock.ahead_s = 301
    assert sessions.sign_in(name, PASSWORD)


def test_a_right_password_forgets_the_wrong_ones(region: Region):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                sessions.sign_in(name, "wrong")
        sessions.sign_in(name, PASSWORD)


def test_parallel_guesses_count_each(region: Region):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    start = threading.Barrier(4)

    def guess(_: int) -> str:
        start.wait()
        try:
            sessions.sign_in(name, "wrong")
        except (Unauthenticated, Throttled) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(4) as pool:
        assert "in" not in list(pool.map(guess, range(4)))
    with pytest.raises(Throttled):
        sessions.sign_in(name, PASSWORD)


def test_a_session_ends_by_idling_and_by_age(region: Region, clock: Clock):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    cookie = sessions.sign_in(name, PASSWORD)
    clock.ahead_s = 1700
    assert sessions.find(cookie)
    clock.ahead_s = 3400
    assert sessions.find(cookie)
    clock.ahead_s = 3400 + 1801
    assert sessions.find(cookie) is None
    cookie = sessions.sign_in(name, PASSWORD)
    started = clock.ahead_s
    while clock.ahead_s < started + 43000:
        clock.ahead_s += 1500
        if clock.ahead_s <= started + 43200:
            assert sessions.find(cookie)
    clock.ahead_s = started + 43201
    assert sessions.find(cookie) is None


def test_a_short_idle_time_is_counted_from_the_last_touch(region: Region, clock: Clock):
    sessions, name = Sessions(region.accounts, SessionRules(20, 43200, 3, 300)), add_user(region)
    cookie = sessions.sign_in(name, PASSWORD)
    for _ in range(5):
        clock.ahead_s += 15
        assert sessions.find(cookie)


def test_signing_out_and_disabling_end_a_session_at_once(region: Region):
    sessions, name = Sessions(region.accounts, RULES), add_user(region)
    cookie = sessions.sign_in(name, PASSWORD)
    sessions.sign_out(cookie)
    assert sessions.find(cookie) is None
    cookie = sessions.sign_in(name, PASSWORD)
    user = region.accounts.find_user(name)
    assert user is not None
    region.accounts.update_user(user.user_id, disabled=True)
    assert sessions.find(cookie) is None


# --- through the doors ----------------------------------------------------------------------------------------------


def signed_in(region: Region, role: str = "clinician") -> FlaskClient:
    client = region.app.test_client()
    cookie = region.services.sessions.sign_in(add_user(region, role), PASSWORD)
    client.set_cookie(COOKIE, cookie)
    return client


def test_a_portal_session_reads_by_its_role_and_writes_nothing(region: Region):
    stored = region.door().create({"resourceType": "Patient"})
    clinician = signed_in(region)
    assert clinician.get(f"/fhir/Patient/{stored['id']}").status_code == 200
    outcome(signed_in(region, "administrator").get(f"/fhir/Patient/{stored['id']}"), 403)
    session = region.services.sessions.find(clinician.get_cookie(COOKIE).value)  # type: ignore[union-attr]
    assert session is not None
    token = {"X-CSRF-Token": session.csrf_token, "Content-Type": "application/fhir+json"}
    outcome(clinician.post("/fhir/Patient", json={"resourceType": "Patient"}, headers=token), 403)


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9"])
def test_writes_of_a_session_need_its_own_token(region: Region, token: str):
    client = signed_in(region)
    for answer in (
        client.post("/fhir/Patient/_search", data="_id=x", headers={"X-CSRF-Token": token},
                    content_type="application/x-www-form-urlencoded"),
        client.put("/fhir/Patient/x", json={}, headers={"X-CSRF-Token": token}),
        client.delete("/fhir/Patient/x", headers={"X-CSRF-Token": token}),
        client.post("/sign-out", data={"csrf_token": token}),
    ):  # fmt: skip
        assert answer.status_code == 403, answer.status_code


def test_the_cookie_is_http_only_and_same_site(region: Region):
    client = region.app.test_client()
    answer = client.post("/sign-in", data={"name": add_user(region), "password": PASSWORD})
    assert answer.status_code in (302, 303)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie or "SameSite=Strict" in cookie
    secure = client.post(
        "/sign-in", data={"name": add_user(region), "password": PASSWORD}, base_url="https://localhost"
    )
    assert "Secure" in secure.headers["Set-Cookie"]


def test_signing_in_makes_a_new_session_whatever_cookie_came_along(region: Region):
    client = region.app.test_client()
    client.set_cookie(COOKIE, "fixed-by-an-attacker")
    answer = client.post("/sign-in", data={"name": add_user(region), "password": PASSWORD})
    assert "fixed-by-an-attacker" not in answer.headers["Set-Cookie"]
    client.set_cookie(COOKIE, "fixed-by-an-attacker")
    outcome(client.get("/fhir/Patient/x"), 401)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "/%0d%0aSet-Cookie:x=1",
     "http:evil.example", "/\t/evil.example", " //evil.example", "///evil.example", "/\r\nLocation: https://evil.example"],
)  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(region: Region, elsewhere: str):
    client = region.app.test_client()
    form: dict[str, Any] = {"name": add_user(region), "password": PASSWORD, "next": elsewhere}
    answer = client.post("/sign-in", data=form)
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "evil.example" not in location.partition("?")[0] or location.startswith("/%")
