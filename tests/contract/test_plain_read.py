"""The plain read's short way answers as Flask's does, is let in by the same rules, and leaves the same account."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_server.api import plain_read
from tests.support.fhir_door import Door, Region, outcome, unique

#: Accepted like no Accept header at all, and not plain: Flask answers.
_BY_FLASK = {"Accept": "application/fhir+json, application/json;q=0.5"}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which requests the short way answered."""
    seen: list[str] = []
    whole = plain_read.PlainRead._answer

    def watched(self: Any, environ: dict[str, Any]) -> Any:
        answer = whole(self, environ)
        if answer is not None:
            seen.append(environ["PATH_INFO"])
        return answer

    monkeypatch.setattr(plain_read.PlainRead, "_answer", watched)
    return seen


def _patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": unique("Plain")}], **more}


def _headers(answer: TestResponse) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k != "X-Request-ID"}


def test_both_ways_give_the_same_bytes_and_headers(door: Door, answered: list[str]) -> None:
    path = f"/Patient/{door.create(_patient())['id']}"
    short, whole = door.get(path), door.get(path, headers=_BY_FLASK)
    assert answered == [f"/fhir{path}"]
    assert short.status_code == whole.status_code == 200
    assert short.data == whole.data and _headers(short) == _headers(whole)


def test_the_callers_request_id_is_echoed(door: Door) -> None:
    made = door.create(_patient())
    assert door.get(f"/Patient/{made['id']}", headers={"X-Request-ID": "trace-7"}).headers["X-Request-ID"] == "trace-7"


@pytest.mark.parametrize(
    "headers", [{"If-None-Match": 'W/"1"'}, {"If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"}], ids=str
)
def test_conditions_are_left_to_flask(door: Door, answered: list[str], headers: dict[str, str]) -> None:
    made = door.create(_patient())
    assert door.get(f"/Patient/{made['id']}", headers=headers).status_code == 304 and not answered


def test_large_bodies_and_options_are_left_to_flask(door: Door, answered: list[str]) -> None:
    made = door.create(_patient(text={"status": "generated", "div": _div("word " * 2000)}))
    assert door.get(f"/Patient/{made['id']}", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
    assert b"\n" in door.get(f"/Patient/{door.create(_patient())['id']}?_pretty=true").data and not answered


def _div(text: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'


def test_refusals_are_the_same_by_both_ways(region: Region, door: Door, answered: list[str]) -> None:
    gone = door.create(_patient())["id"]
    door.delete(f"/Patient/{gone}")
    sealed = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    subject = {"reference": f"Patient/{door.create(_patient())['id']}"}
    hidden = door.create({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject,
                          "meta": sealed})  # fmt: skip
    outcome(door.get(f"/Patient/{unique('no-')}"), 404)
    outcome(door.get(f"/Patient/{gone}"), 410)
    outcome(region.anonymous().get(f"/Patient/{gone}"), 401)
    outcome(region.door(scope="system/Patient.s").get(f"/Patient/{gone}"), 403)
    outcome(region.door(trust="RNQ").get(f"/Observation/{hidden['id']}"), 404)
    assert door.get(f"/Observation/{hidden['id']}").status_code == 200
    assert answered == [f"/fhir/Observation/{hidden['id']}"]


def test_the_short_way_accounts_for_what_it_shows(door: Door, answered: list[str]) -> None:
    made = door.create(_patient())
    door.get(f"/Patient/{made['id']}")
    events = door.search(f"/AuditEvent?patient={made['id']}&subtype=read")
    assert len(events) == len(answered) == 1
    assert events[0]["agent"][0]["who"]["display"]


def test_nothing_is_shown_when_it_cannot_be_accounted_for(
    region: Region, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fhir_server.errors import Unavailable

    made = door.create(_patient())

    def refuse(_disclosure: object) -> None:
        raise Unavailable("The audit spool takes nothing now.")

    monkeypatch.setattr(region.services.record.spool, "append", refuse)
    assert made["name"][0]["family"] not in door.get(f"/Patient/{made['id']}").text
    outcome(door.get(f"/Patient/{made['id']}"), 503)
