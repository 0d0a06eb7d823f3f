"""Journeys with marked people, then a search for the marks in the logs, the metrics and the error bodies."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import ServedRecord

#: Words that occur nowhere but in the people of this test.
FAMILY, GIVEN, NUMBER, MRN, STREET = "Quxmarkfamily", "Quxmarkgiven", "9990009993", "QUXMARK77", "Quxmark Lane"
MARKS = ("quxmark", NUMBER)
PERSON = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}, {"system": "urn:x", "value": MRN}],
    "name": [{"family": FAMILY, "given": [GIVEN]}],
    "address": [{"line": [STREET]}],
    "birthDate": "1950-03-29",
}
ORU = (
    "MSH|^~\\&|QUXMARKRIS|NOWHERE|R|R|20260301101500||ORU^R01|{control}|P|2.4\r"
    f"PID|1||{MRN}^^^X^MR~{NUMBER}^^^NHS^NH||{FAMILY}^{GIVEN}||19500329|F\r"
    f"OBR|1||A1|CTHEAD^CT head|||20260301\rOBX|1|TX|R||{FAMILY} is well||||||F\r"
)
JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRecord]:
    record = ServedRecord(tmp_path_factory.mktemp("served"), database_url, log_level="DEBUG")
    record.start()
    yield record
    record.stop()


def without_marks(text: str, where: str) -> None:
    for mark in MARKS:
        assert mark not in text.lower(), f"{where} names a patient"


def _good_requests(client: FhirClient) -> None:
    stored = client.request("POST", "/fhir/Patient", json=PERSON, headers=JSON).json()
    for path in (f"Patient/{stored['id']}", f"Patient?family={FAMILY}&_sort=family&_count=1",
                 f"Patient?identifier={NUMBER}", f"Patient/{stored['id']}/_history"):  # fmt: skip
        assert client.get(f"/fhir/{path}")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.request("POST", "/fhir/Patient/_search", data=f"name={FAMILY}", headers=form).status_code == 200


def _refused_requests(client: FhirClient) -> Iterator[tuple[requests.Response, str]]:
    """Answers to requests that are wrong in ways that tempt a server to quote them."""
    broken = json.dumps(PERSON)[:-5]
    bodies: list[Any] = [
        broken, json.dumps({**PERSON, "gender": FAMILY}), json.dumps({**PERSON, "birthDate": f"{FAMILY}"}),
        json.dumps({**PERSON, "active": NUMBER}), json.dumps({**PERSON, "managingOrganization": {"reference": MRN}}),
        json.dumps({**PERSON, "text": {"status": "generated", "div": f"<div>{FAMILY}<script/></div>"}}),
        json.dumps({**PERSON, "name": [{"family": FAMILY + "\u0000"}]}),
        json.dumps({**PERSON, "name": {"family": FAMILY}}), "[" * 5000 + FAMILY,
    ]  # fmt: skip
    for body in bodies:
        yield client.request("POST", "/fhir/Patient", data=body, headers=JSON), "a bad body"
        entry = f'{{"request":{{"method":"POST","url":"Patient"}},"resource":{body}}}'
        bundle = f'{{"resourceType":"Bundle","type":"transaction","entry":[{entry}]}}'
        yield client.request("POST", "/fhir", data=bundle, headers=JSON), "a bad transaction"
    for query in (f"birthdate={FAMILY}", f"_lastUpdated={NUMBER}x", f"_sort={FAMILY}", f"_count={NUMBER}x",
                  f"nmae={FAMILY}", f"name:junk={FAMILY}", f"_include={FAMILY}:{NUMBER}"):  # fmt: skip
        yield client.request("GET", f"/fhir/Patient?{query}"), "a bad search"
    for path in (
        f"/fhir/Patient/{FAMILY}",
        f"/fhir/Patient/{FAMILY}/_history/{NUMBER}",
        f"/fhir/{FAMILY}/x/y/z/{NUMBER}",
    ):
        yield client.request("GET", path), "an absent resource"
    twice = json.dumps(PERSON)
    condition = {**JSON, "If-None-Exist": f"identifier={NUMBER}"}
    client.request("POST", "/fhir/Patient", data=twice, headers=JSON)
    yield client.request("POST", "/fhir/Patient", data=twice, headers=condition), "several matches"
    yield (
        client.request("POST", "/fhir/Patient", data=twice, headers={**JSON, "If-None-Exist": f"nmae={NUMBER}"}),
        "x",
    )
    yield client.request("PUT", "/fhir/Patient/x1", data=json.dumps({**PERSON, "id": MRN}), headers=JSON), "another id"


def _failed_sign_ins(served: ServedRecord) -> Iterator[tuple[requests.Response, str]]:
    token = f"{served.url}/auth/token"
    form = {"grant_type": "client_credentials", "client_id": FAMILY, "client_secret": MRN}
    yield requests.post(token, data=form, timeout=10), "a wrong secret"
    yield requests.post(token, data={**form, "scope": FAMILY}, timeout=10), "a wrong scope"
    yield requests.get(f"{served.url}/fhir/Patient?name={FAMILY}", timeout=10), "an anonymous search"
    wrong = {"Authorization": f"Bearer {MRN}"}
    yield requests.get(f"{served.url}/fhir/Patient?name={FAMILY}", headers=wrong, timeout=10), "a wrong token"


def _send_messages(served: ServedRecord) -> None:
    for control, message in (("QUXMARK1", ORU), ("QUXMARK2", ORU.replace("PID|", "PXX|")), ("", "MSH|" + FAMILY)):
        with socket.create_connection(("127.0.0.1", served.mllp_port), timeout=10) as connection:
            connection.sendall(b"\x0b" + message.format(control=control).encode() + b"\x1c\r")
            connection.settimeout(10)
            connection.recv(4096)


def test_no_patient_is_named_in_logs_metrics_or_errors(served: ServedRecord):
    client = FhirClient.register(served)
    _good_requests(client)
    for answer, what in _refused_requests(client):
        assert 400 <= answer.status_code < 500, (what, answer.status_code)
        without_marks(answer.text, what)
    for answer, what in _failed_sign_ins(served):
        assert 400 <= answer.status_code < 500, what
        without_marks(answer.text, what)
    _send_messages(served)
    without_marks(served.get("/metrics").text, "/metrics")
    without_marks(served.get("/readyz").text, "/readyz")
    assert served.stop() == 0
    log = Path(served.log).read_text()
    assert log
    without_marks(log, "the log")
