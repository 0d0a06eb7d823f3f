"""Disclosures as AuditEvents: one a patient, after IHE BALP, valid R4."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from fhir_server.audit.audit_event import render_audit_events
from fhir_server.audit.disclosure import DisclosedVersion, Disclosure
from fhir_server.fhir.validate import validate_resource
from tests.unit.audit.make import make_disclosure

PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
REPORT = DisclosedVersion("DiagnosticReport", "r1", 3, ("p1",))
TASK_OF_TWO = DisclosedVersion("Task", "t1", 1, ("p2", "p1"))
TRUST = DisclosedVersion("Organization", "o1", 1)


def _render(**changes: Any) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in render_audit_events(4, 17, make_disclosure(**changes))]


def _references(event: dict[str, Any]) -> list[str]:
    return [e["what"]["reference"] for e in event["entity"] if "reference" in e.get("what", {})]


def _agent(event: dict[str, Any], code: str) -> dict[str, Any]:
    [agent] = [a for a in event["agent"] if a["type"]["coding"][0]["code"] == code]
    return agent


def _search(*entries: DisclosedVersion) -> list[dict[str, Any]]:
    return _render(interaction="search-type", action="E", query="patient=p1", entries=entries)


def test_read_names_the_version_and_its_patient() -> None:
    [event] = _render(entries=(REPORT,))
    assert event["meta"]["profile"] == [f"{PROFILES}PatientRead"]
    assert _references(event) == ["Patient/p1", "DiagnosticReport/r1/_history/3"]
    assert event["recorded"] == "2026-11-21T12:00:00.000000Z"


def test_read_of_what_is_about_nobody_names_no_patient() -> None:
    [event] = _render(entries=(TRUST,))
    assert event["meta"]["profile"] == [f"{PROFILES}Read"]
    assert _references(event) == ["Organization/o1/_history/1"]


def test_search_that_touched_two_patients_is_two_events() -> None:
    first, second = _search(REPORT, TASK_OF_TWO, TRUST)
    assert [first["id"], second["id"]] == ["4-17-0", "4-17-1"]
    assert first["meta"]["profile"] == [f"{PROFILES}PatientQuery"]
    assert _references(first) == [
        "Patient/p1",
        "DiagnosticReport/r1/_history/3",
        "Task/t1/_history/1",
        "Organization/o1/_history/1",
    ]
    assert _references(second) == ["Patient/p2", "Task/t1/_history/1"]


def test_search_keeps_the_query_as_sent() -> None:
    [event] = _render(interaction="search-type", action="E", query="name=O'Neill&x=☃", entries=())
    assert event["meta"]["profile"] == [f"{PROFILES}Query"]
    [query] = [e for e in event["entity"] if "query" in e]
    assert base64.b64decode(query["query"]).decode() == "name=O'Neill&x=☃"
    assert [s["code"] for s in event["subtype"]] == ["search", "search-type"]


def test_search_has_one_system_object_as_the_profile_demands() -> None:
    for event in _search(REPORT, TASK_OF_TWO):
        assert [e["role"]["code"] for e in event["entity"] if e["type"]["code"] == "2"] == ["24"]


@pytest.mark.parametrize(
    ("interaction", "action", "client", "server", "profile"),
    [
        ("read", "R", "110152", "110153", "PatientRead"),
        ("vread", "R", "110152", "110153", "PatientRead"),
        ("search-type", "E", "110153", "110152", "PatientQuery"),
        ("create", "C", "110153", "110152", "PatientCreate"),
        ("update", "U", "110153", "110152", "PatientUpdate"),
        ("delete", "D", "110150", "custodian", "PatientDelete"),
    ],
)
def test_roles_of_client_and_server_follow_the_profile(
    interaction: str, action: str, client: str, server: str, profile: str
) -> None:
    [event] = _render(interaction=interaction, action=action, entries=(REPORT,))
    assert _agent(event, client)["who"] == {"display": "The user's browser or app"}
    assert _agent(event, server)["who"] == {"display": "imaging-record"}
    assert event["meta"]["profile"] == [PROFILES + profile]


def test_user_is_the_requestor_with_role_and_trust() -> None:
    [event] = _render()
    user = _agent(event, "IRCP")
    assert (user["name"], user["role"], user["requestor"]) == ("Dr Imogen Fairweather", [{"text": "clinician"}], True)
    assert _agent(event, "PROV")["who"]["identifier"]["value"] == "RX1"
    assert [a["requestor"] for a in event["agent"]].count(True) == 1


def test_client_of_its_own_is_the_requestor() -> None:
    [event] = _render(caller_kind="client", caller_id="epr", caller_name="EPR of RX1", role=None, address="192.0.2.7")
    client = _agent(event, "110152")
    assert client["requestor"] is True
    assert client["who"] == {"identifier": {"value": "epr"}, "display": "EPR of RX1"}
    assert client["network"] == {"address": "192.0.2.7", "type": "2"}


def test_failure_claims_no_profile_of_success() -> None:
    [event] = _render(outcome="4", entries=())
    assert "profile" not in event["meta"]
    assert event["outcome"] == "4"


def test_ids_are_the_same_each_time_and_hold_no_patient() -> None:
    assert _search(REPORT, TASK_OF_TWO) == _search(REPORT, TASK_OF_TWO)
    assert all("p" not in event["id"] for event in _search(REPORT, TASK_OF_TWO))


VARIANTS = [
    make_disclosure(),
    make_disclosure(entries=(REPORT, TASK_OF_TWO, TRUST), interaction="search-type", action="E", query="a=b"),
    make_disclosure(entries=(), interaction="search-type", action="E"),
    make_disclosure(entries=(REPORT,), interaction="delete", action="D", purpose="BTG"),
    make_disclosure(entries=(REPORT, TRUST), interaction="history-instance", query="_since=2026"),
    make_disclosure(entries=(REPORT,), interaction="images"),
    make_disclosure(entries=(REPORT, TASK_OF_TWO), interaction="portal-page"),
    make_disclosure(entries=(), interaction="sign-in", action="E", outcome="8"),
    make_disclosure(entries=(), interaction="something-new", action="E"),
    make_disclosure(caller_kind="service", caller_id="harvest", trust=None, role=None, session="", request_id=""),
]


@pytest.mark.parametrize("disclosure", VARIANTS, ids=lambda d: d.interaction)
def test_every_event_is_valid_r4(disclosure: Disclosure) -> None:
    for event in render_audit_events(1, 2, disclosure):
        AuditEvent.model_validate_json(event.body)
        assert validate_resource(json.loads(event.body)) == []
