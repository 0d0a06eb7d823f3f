"""The emulated region's story ends in one record: on SQLite told in order, on PostgreSQL shuffled and partly twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import eventually
from tests.journeys.telling import Telling

pytestmark = pytest.mark.timeout(900)
#: What feeds and archives speak of; Endpoints are named by references.
TYPES = (
    "Patient", "Practitioner", "Organization", "Encounter", "ServiceRequest", "Task", "ImagingStudy",
    "DiagnosticReport",
)  # fmt: skip
OWN_STORE = "Regional image store"
#: By what a resource is called: each of that name, as its elements.
Content = dict[str, list[dict[str, str]]]


def content_of(client: FhirClient) -> Content:
    """The record without logical ids, versions and times of storing; references say what they lead to."""
    found = [r for kind in (*TYPES, "Endpoint") for r in client.search(f"{kind}?_count=500")]
    names = {f"{r['resourceType']}/{r['id']}": name_of(r) for r in found}
    content: Content = {}
    for resource in found:
        if resource["resourceType"] != "Endpoint" and not is_stub(resource):
            content.setdefault(name_of(resource), []).append(canonical(resource, names))
    return content


def name_of(resource: dict[str, Any]) -> str:
    numbers = sorted(f"{i.get('system')}|{i.get('value')}|{i.get('use')}" for i in resource.get("identifier", ()))
    return f"{resource['resourceType']} {resource.get('active')} {numbers}"


def is_stub(resource: dict[str, Any]) -> bool:
    """A Patient that an early guess made, and that only says where to look instead."""
    return resource["resourceType"] == "Patient" and "identifier" not in resource


def canonical(resource: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    """Its elements as text, so that they can be compared one by one.

    Left out is what depends on the order by nature: Patient.link (whether an early guess was seen, and must now lead
    on), and whether the region's own copy of a study was pushed or fetched first.
    """
    content = {name: value for name, value in resource.items() if name not in ("id", "meta", "link")}
    content["custodian"] = sorted(tag["code"] for tag in resource["meta"].get("tag", ()))
    if "endpoint" in content:
        content["endpoint"] = [e for e in content["endpoint"] if OWN_STORE not in names.get(e["reference"], "")]
    return {k: json.dumps(_renamed(v, names), sort_keys=True, ensure_ascii=False) for k, v in content.items()}


def differences(one: Content, other: Content) -> list[str]:
    """Element by element, what the two do not agree on."""
    found = []
    for name in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(name, []), other.get(name, [])
        if len(ours) != len(theirs):
            found.append(f"{name}: {len(ours)} against {len(theirs)}")
            continue
        pairs = zip(sorted(ours, key=str), sorted(theirs, key=str), strict=True)
        found += [
            f"{name}.{element}: {mine.get(element)} against {his.get(element)}"
            for mine, his in pairs
            for element in sorted(mine.keys() | his.keys())
            if mine.get(element) != his.get(element)
        ]
    return found


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: names.get(v, v) if k == "reference" else _renamed(v, names) for k, v in value.items()}
    return [_renamed(v, names) for v in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def tellings(tmp_path_factory: pytest.TempPathFactory, sqlite_url: str, postgresql_url: str) -> Iterator[list[Telling]]:
    folder = tmp_path_factory.mktemp("story")
    with (
        Telling(folder / "ordered", sqlite_url) as first,
        Telling(folder / "shuffled", postgresql_url, folder / "ordered" / "diary") as second,
    ):
        yield [first.start(), second.start()]


def test_story_ends_in_the_same_record_on_both_databases_in_any_order(tellings: list[Telling]):
    ordered, shuffled = tellings
    ordered.tell_in_order()
    shuffled.tell_shuffled(seed=5)
    for telling in tellings:
        region.wait_until_filed(telling.record, timeout_s=300)
    with suppress(AssertionError):  # what differs says more than that something does
        eventually(lambda: not _differences(tellings), "both records are the same")
    assert "\n".join(_differences(tellings)) == ""
    _require_whole(ordered)


def _differences(tellings: list[Telling]) -> list[str]:
    one, other = (content_of(telling.client) for telling in tellings)
    return differences(one, other)


def _require_whole(telling: Telling) -> None:
    """Every message was filed, and every study that an archive could tell of is there with its images counted."""
    assert not [reason for state, reason in region.message_states(telling.record) if state == "quarantined"]
    wanted = {
        plan.study_instance_uid: len(plan.instances)
        for trust in telling.running.region.trusts
        if trust.archive != "down"
        for plan in telling.running.region.studies(trust)
    }
    studies = telling.client.search("ImagingStudy?_count=500")
    counted = {_uid(study): study.get("numberOfInstances") for study in studies}
    assert {uid: counted.get(uid) for uid in wanted} == wanted


def _uid(study: dict[str, Any]) -> str:
    return next(
        (i["value"].removeprefix("urn:oid:") for i in study["identifier"] if i["system"] == "urn:dicom:uid"), ""
    )
