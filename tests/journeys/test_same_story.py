"""The emulated region's story ends in one record: on SQLite told in order, on PostgreSQL shuffled and partly twice."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.emulated_trust.mllp_client import MllpClient
from adapters.emulated_trust.run import RunningRegion, start_region
from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import AET, ServedRecord, eventually

pytestmark = pytest.mark.timeout(900)
#: What feeds and archives speak of; Endpoints are named by references.
TYPES = (
    "Patient", "Practitioner", "Organization", "Encounter", "ServiceRequest", "Task", "ImagingStudy",
    "DiagnosticReport",
)  # fmt: skip
PATIENTS = 9
#: By what a resource is called: each of that name, as its elements.
Content = dict[str, list[dict[str, str]]]


class Telling:
    """One record, and the region's systems that talk to it."""

    def __init__(self, folder: Path, database: str, diary: Path) -> None:
        folder.mkdir()
        self.record = ServedRecord(folder, database, harvest_interval_s=2, probe_interval_s=2).start(web_workers=1)
        own_diary = shutil.copy(diary, folder / "diary") if diary.exists() else folder / "diary"
        mllp, dicom = ("127.0.0.1", self.record.mllp_port), ("127.0.0.1", self.record.dicom_port, AET)
        self.running: RunningRegion = start_region(mllp, dicom, PATIENTS, diary_path=Path(own_diary))
        self._register()
        self.client = FhirClient.register(self.record)

    def _register(self) -> None:
        for trust in self.running.endpoints:
            self.record.command("trust", "add", trust.ods, trust.name)
            self.record.command("feed", "add", f"{trust.ods} RIS", "--trust", trust.ods, "--msh-4", trust.ods)
            kind = "dicom-wado-rs" if trust.dicomweb_url else "dimse"
            address = trust.dicomweb_url or f"{trust.dimse_host}:{trust.dimse_port}"
            region.add_archive(self.record, trust.ods, kind, address)

    def tell_in_order(self) -> None:
        self.running.load_history()

    def tell_shuffled(self, seed: int) -> None:
        """Every trust's messages in a random order, a third of them twice, and the pushed studies in between."""
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(self._tell_trust, ods, seed) for ods in self.running.systems]:
                done.result()

    def _tell_trust(self, ods: str, seed: int) -> None:
        chosen, system = random.Random(f"{seed}/{ods}"), self.running.systems[ods]
        payloads = [message.payload for message in self.running.region.messages(system.trust)]
        payloads += chosen.sample(payloads, len(payloads) // 3)
        chosen.shuffle(payloads)
        if system.trust.archive == "dimse":
            for plan in self.running.region.studies(system.trust):
                system.pacs.push(plan.study_instance_uid, system.region)
        client = MllpClient("127.0.0.1", self.record.mllp_port)
        assert {client.send(payload) for payload in payloads} <= {"AA", "CA"}
        client.close()

    def content(self) -> Content:
        """The record without logical ids, versions and times of storing; references say what they lead to."""
        found = [r for kind in (*TYPES, "Endpoint") for r in self.client.search(f"{kind}?_count=500")]
        names = {f"{r['resourceType']}/{r['id']}": name_of(r) for r in found}
        content: Content = {}
        for resource in found:
            if resource["resourceType"] != "Endpoint" and not is_stub(resource):
                content.setdefault(name_of(resource), []).append(canonical(resource, names))
        return content

    def close(self) -> None:
        self.running.stop()
        self.record.stop()


def name_of(resource: dict[str, Any]) -> str:
    numbers = sorted(f"{i.get('system')}|{i.get('value')}|{i.get('use')}" for i in resource.get("identifier", ()))
    return f"{resource['resourceType']} {resource.get('active')} {numbers}"


def is_stub(resource: dict[str, Any]) -> bool:
    """A Patient that an early guess made, and that only says where to look instead."""
    return resource["resourceType"] == "Patient" and "identifier" not in resource


def canonical(resource: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    """Its elements as text, so that they can be compared one by one."""
    content = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    content["custodian"] = sorted(tag["code"] for tag in resource["meta"].get("tag", ()))
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
    first = Telling(folder / "ordered", sqlite_url, folder / "none")
    second = Telling(folder / "shuffled", postgresql_url, folder / "ordered" / "diary")
    yield [first, second]
    first.close()
    second.close()


def test_story_ends_in_the_same_record_on_both_databases_in_any_order(tellings: list[Telling]):
    ordered, shuffled = tellings
    ordered.tell_in_order()
    shuffled.tell_shuffled(seed=5)
    for telling in tellings:
        region.wait_until_filed(telling.record, timeout_s=300)
    with suppress(AssertionError):  # what differs says more than that something does
        eventually(lambda: ordered.content() == shuffled.content(), "both records are the same", timeout_s=60)
    assert "\n".join(differences(ordered.content(), shuffled.content())) == ""
    _require_whole(ordered)


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
