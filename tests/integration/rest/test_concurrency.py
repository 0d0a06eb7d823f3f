"""Many writers at once against a served record with two web processes: nothing twice, nothing lost, no 500."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import uuid4

import requests

from tests.journeys.fhir_client import FhirClient

Result = TypeVar("Result")
MRN = "http://a.example/mrn"
JSON = {"Content-Type": "application/fhir+json"}


def at_once(client: FhirClient, count: int, work: Callable[[FhirClient, int], Result]) -> Sequence[Result]:
    """`work` done `count` times by 32 threads, each with a connection and a token of its own."""
    own = threading.local()

    def run(number: int) -> Result:
        if not hasattr(own, "client"):
            own.client = client.twin()
        return work(own.client, number)

    with ThreadPoolExecutor(min(count, 32)) as pool:
        return list(pool.map(run, range(count)))


def person(value: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": MRN, "value": value}]}


def send(client: FhirClient, method: str, path: str, body: Any, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, f"/fhir{path}", data=json.dumps(body), headers={**JSON, **named})


def test_parallel_identical_conditional_creates_make_one_resource(client: FhirClient):
    value = uuid4().hex
    answers = at_once(
        client, 100, lambda c, _: send(c, "POST", "/Patient", person(value), If_None_Exist=f"identifier={MRN}|{value}")
    )
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 99}
    assert len({a.json()["id"] for a in answers}) == 1
    assert len(list(client.search(f"Patient?identifier={MRN}|{value}"))) == 1


def test_of_parallel_updates_of_one_version_exactly_one_wins(client: FhirClient):
    name = f"race-{uuid4().hex}"
    assert send(client, "PUT", f"/Patient/{name}", {"resourceType": "Patient", "id": name}).status_code == 201

    def update(c: FhirClient, number: int) -> requests.Response:
        body = {"resourceType": "Patient", "id": name, "name": [{"family": f"Writer{number}"}]}
        return send(c, "PUT", f"/Patient/{name}", body, If_Match='W/"1"')

    answers = at_once(client, 64, update)
    assert Counter(a.status_code for a in answers) == {200: 1, 412: 63}
    winner = next(a for a in answers if a.status_code == 200)
    assert client.get(f"/fhir/Patient/{name}")["name"] == winner.json()["name"]


def test_parallel_updates_without_a_condition_all_become_versions(client: FhirClient):
    name = f"race-{uuid4().hex}"

    def update(c: FhirClient, number: int) -> requests.Response:
        return send(c, "PUT", f"/Patient/{name}", {"resourceType": "Patient", "id": name, "active": bool(number % 2)})

    answers = at_once(client, 48, update)
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 47}
    assert sorted(int(a.json()["meta"]["versionId"]) for a in answers) == list(range(1, 49))
    history = client.get(f"/fhir/Patient/{name}/_history?_count=100")
    assert history["total"] == 48


def test_parallel_creations_under_one_id_with_if_none_match_make_it_once(client: FhirClient):
    name = f"race-{uuid4().hex}"
    body = {"resourceType": "Patient", "id": name}
    answers = at_once(client, 32, lambda c, _: send(c, "PUT", f"/Patient/{name}", body, If_None_Match="*"))
    assert Counter(a.status_code for a in answers) == {201: 1, 412: 31}


def test_parallel_transactions_with_overlapping_conditions_are_never_refused(client: FhirClient):
    mark = uuid4().hex

    def transact(c: FhirClient, number: int) -> requests.Response:
        values = [f"{mark}-{(number + step) % 6}" for step in (0, 2, 5)]
        entries = [
            {"fullUrl": f"urn:uuid:{uuid4()}", "resource": person(v),
             "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={MRN}|{v}"}}
            for v in (values if number % 2 else reversed(values))
        ]  # fmt: skip
        entries.append(
            {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                          "subject": {"reference": entries[0]["fullUrl"]}},
             "request": {"method": "POST", "url": "Observation"}}
        )  # fmt: skip
        return send(c, "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})

    answers = at_once(client, 60, transact)
    assert Counter(a.status_code for a in answers) == {200: 60}, [a.text for a in answers if a.status_code != 200][:1]
    for number in range(6):
        assert len(list(client.search(f"Patient?identifier={MRN}|{mark}-{number}"))) == 1


def test_parallel_deletes_and_updates_leave_one_straight_history(client: FhirClient):
    name = f"race-{uuid4().hex}"
    body = {"resourceType": "Patient", "id": name}
    send(client, "PUT", f"/Patient/{name}", body)

    def touch(c: FhirClient, number: int) -> requests.Response:
        if number % 2:
            return c.request("DELETE", f"/fhir/Patient/{name}")
        return send(c, "PUT", f"/Patient/{name}", body)

    assert {a.status_code for a in at_once(client, 40, touch)} <= {200, 201, 204}
    history = client.get(f"/fhir/Patient/{name}/_history?_count=100")
    methods = [e["request"]["method"] for e in history["entry"]]
    assert all(not (a == b == "DELETE") for a, b in zip(methods, methods[1:], strict=False))


def test_readers_never_wait_for_an_answer_of_500_while_writers_write(client: FhirClient):
    name = f"race-{uuid4().hex}"
    body = {"resourceType": "Patient", "id": name}
    send(client, "PUT", f"/Patient/{name}", body)

    def work(c: FhirClient, number: int) -> int:
        if number % 4 == 0:
            return send(c, "PUT", f"/Patient/{name}", body).status_code
        path = f"/fhir/Patient/{name}" if number % 2 else f"/fhir/Patient?_id={name}"
        return c.request("GET", path).status_code

    assert set(at_once(client, 120, work)) == {200}
