"""Client libraries as others use them, against a served record: fhirpy, fhirclient (SMART), requests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.patient import Patient
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import ServedRecord


@pytest.fixture(scope="module")
def token(client: FhirClient) -> str:
    return client._token()


@pytest.fixture
def fhirpy(served: ServedRecord, token: str) -> SyncFHIRClient:
    return SyncFHIRClient(f"{served.url}/fhir", authorization=f"Bearer {token}")


def test_fhirpy_creates_reads_updates_and_deletes(fhirpy: SyncFHIRClient):
    patient = fhirpy.resource("Patient", name=[{"family": "Zo\u00eb", "given": ["A"]}])
    patient.save()
    assert patient.id
    assert patient["meta"]["versionId"] == "1"
    again = fhirpy.reference("Patient", patient.id).to_resource()
    again["gender"] = "female"
    again.save()
    assert again["meta"]["versionId"] == "2"
    again.delete()
    with pytest.raises(ResourceNotFound):
        fhirpy.reference("Patient", patient.id).to_resource()


def test_fhirpy_walks_all_pages_of_a_search(fhirpy: SyncFHIRClient):
    family = f"Walk{uuid4().hex}"
    for number in range(7):
        fhirpy.resource("Patient", name=[{"family": family, "given": [f"G{number}"]}]).save()
    found = fhirpy.resources("Patient").search(family=family).sort("given").limit(2).fetch_all()
    assert [p["name"][0]["given"][0] for p in found] == [f"G{n}" for n in range(7)]
    assert fhirpy.resources("Patient").search(family=family).count() == 7
    assert len(fhirpy.resources("Patient").search(family=family).fetch()) == 7


def test_fhirpy_gets_its_includes(fhirpy: SyncFHIRClient):
    patient = fhirpy.resource("Patient")
    patient.save()
    report = fhirpy.resource("DiagnosticReport", status="final", code={"text": "CT"}, subject=patient.to_reference())
    report.save()
    bundle = (
        fhirpy.resources("DiagnosticReport").search(_id=report.id).include("DiagnosticReport", "subject").fetch_raw()
    )
    assert {e["resource"]["resourceType"] for e in bundle["entry"]} == {"DiagnosticReport", "Patient"}


def test_fhirpy_is_told_of_a_version_conflict_and_of_what_is_wrong(fhirpy: SyncFHIRClient):
    patient = fhirpy.resource("Patient")
    patient.save()
    stale = SyncFHIRClient(fhirpy.url, authorization=fhirpy.authorization, extra_headers={"If-Match": 'W/"9"'})
    with pytest.raises(MultipleResourcesFound, match="no longer at the version"):  # its name for every 412
        stale.resource("Patient", **patient.serialize()).save()
    with pytest.raises(OperationOutcome) as wrong:
        fhirpy.resource("Patient", gender="M").save()
    assert wrong.value.resource["issue"][0]["expression"] == ["Patient.gender"]
    with pytest.raises(OperationOutcome):
        fhirpy.resources("Patient").search(nmae="x").fetch()


def test_fhirpy_is_told_that_a_condition_in_the_address_is_not_taken(fhirpy: SyncFHIRClient):
    """Its get_or_create posts to `Patient?identifier=..`, which few servers take: better refused than twins."""
    identifier = [{"system": "http://a.example/mrn", "value": uuid4().hex}]
    search = fhirpy.resources("Patient").search(identifier=identifier[0]["value"])
    with pytest.raises(OperationOutcome):
        search.get_or_create(fhirpy.resource("Patient", identifier=identifier))
    assert search.fetch() == []


def test_fhirclient_finds_its_way_and_reads_and_searches(served: ServedRecord, client: FhirClient, token: str):
    family = f"Smart{uuid4().hex}"
    body = {"resourceType": "Patient", "name": [{"family": family}], "birthDate": "1950-03-29"}
    stored = client.request(
        "POST", "/fhir/Patient", json=body, headers={"Content-Type": "application/fhir+json"}
    ).json()
    smart = FHIRClient(settings={"app_id": "viewer", "api_base": f"{served.url}/fhir", "redirect_uri": "http://x/"})
    smart.server.get_capability()
    assert smart.server.capabilityStatement.fhirVersion == "4.0.1"
    smart.server.session.headers["Authorization"] = f"Bearer {token}"
    patient = Patient.read(stored["id"], smart.server)
    assert patient.name[0].family == family
    assert patient.birthDate.isostring == "1950-03-29"
    found = Patient.where({"family": family}).perform(smart.server)
    assert isinstance(found, Bundle)
    assert [e.resource.id for e in found.entry] == [stored["id"]]
    assert [p.id for p in Patient.where({"family": family}).perform_resources(smart.server)] == [stored["id"]]


def test_fhirclient_reads_the_token_endpoint_from_the_capability_statement(served: ServedRecord):
    statement: dict[str, Any] = requests.get(f"{served.url}/fhir/metadata", timeout=10).json()
    extension = statement["rest"][0]["security"]["extension"][0]
    assert extension["url"].endswith("oauth-uris")
    assert {"url": "token", "valueUri": f"{served.url}/auth/token"} in extension["extension"]
    smart = FHIRClient(settings={"app_id": "viewer", "api_base": f"{served.url}/fhir", "redirect_uri": "http://x/"})
    assert smart.prepare() in (True, False)


def test_requests_with_compression_and_chunks_works(served: ServedRecord, token: str):
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"})
    body = b'{"resourceType":"Patient","name":[{"family":"Chunked"}]}'
    whole = session.post(f"{served.url}/fhir/Patient", data=body, timeout=10)
    assert whole.status_code == 201
    chunked = session.post(f"{served.url}/fhir/Patient", data=iter([body[:20], body[20:]]), timeout=10)
    assert chunked.status_code == 201, chunked.text
    assert chunked.json()["name"] == [{"family": "Chunked"}]


def test_bodies_over_the_limit_are_refused_stated_or_in_chunks(served: ServedRecord, token: str):
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"})
    megabyte = b'{"resourceType":"Patient"}'.ljust(1024 * 1024)
    for data in (megabyte * 17, (megabyte for _ in range(17))):
        try:
            answer = session.post(f"{served.url}/fhir/Patient", data=data, timeout=60)
        except requests.ConnectionError:
            continue  # refused before it was read to its end; a client that only writes may miss the answer
        assert answer.status_code == 413, answer.text
        assert answer.json()["issue"][0]["code"] == "too-long"
    assert session.get(f"{served.url}/fhir/Patient/absent", timeout=10).status_code == 404


def test_requests_sees_the_headers_that_http_demands(served: ServedRecord, token: str):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.patch(f"{served.url}/fhir/Patient/1", json=[], headers=headers, timeout=10)
    assert answer.status_code == 405
    assert "PUT" in answer.headers["Allow"]
    head = requests.head(f"{served.url}/fhir/metadata", timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    anonymous = requests.get(f"{served.url}/fhir/Patient", timeout=10)
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"].startswith("Bearer")
