"""Studies known by UID, by accession number, or by both become the right number of resources."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhir_server.ingest.pipeline import file_pending
from fhir_server.ingest.recording import record_fragments
from hl7.emit import Report, make_adt, make_omg, make_oru
from hl7.fragments import BusinessKey, Fragment
from tests.support.feed_store import FeedStore, at, exam, on, person, sender

ANNA, BERT = person("K1", 1), person("K2", 2, family="SAMPLE", given="Bert")
ONE, TWO = "1.2.826.0.1.1", "1.2.826.0.1.2"
ACCESSION = "urn:x-imaging-record:RX1.ris/accession"
ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}


@pytest.fixture(scope="module")
def module_store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(store_url).register()
    yield store
    store.close()


@pytest.fixture
def store(module_store: FeedStore) -> FeedStore:
    module_store.clear()
    return module_store


def _harvest(store: FeedStore, uid: str, mrn: str = "K1", accession: str = "A000001", source: str = "pacs:e1") -> None:
    key = BusinessKey("ImagingStudy", "urn:dicom:uid", f"urn:oid:{uid}")
    patient = BusinessKey("Patient", "urn:x-imaging-record:RX1.ris/mrn", mrn)
    who = {"resourceType": "Patient", "identifier": [{"system": patient.system, "value": mrn}]}
    content: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "status": "available",
        "identifier": [
            {"system": key.system, "value": key.value},
            {"type": ACSN, "system": ACCESSION, "value": accession},
        ],
        "subject": patient.reference(),
        "endpoint": [{"reference": f"Endpoint/{source[5:]}"}],
        "series": [{"uid": f"{uid}.1", "modality": {"code": "CT"}, "numberOfInstances": 3}],
    }
    said = (Fragment(patient, who, at(20), authoritative=False), Fragment(key, content, at(20), status_rank=100))
    record_fragments(store.storage, said, source=source, observed_at=at(20), custodian="RX1")


def _order(store: FeedStore, uid: str = "", who: Any = ANNA, minutes: int = 10) -> None:
    states = store.file(make_omg(sender(), who, [exam(study_uid=uid)], occasion=on(minutes, order_control="NW")))
    assert states == ["filed"]


def _report(store: FeedStore) -> None:
    said = Report(lines=("No mass.",), status="F", reported_at=at(30))
    store.file(make_oru(sender(), ANNA, [exam()], said, occasion=on(30)))


def test_study_known_by_accession_keeps_its_id_when_its_uid_comes(store: FeedStore) -> None:
    _order(store)
    before = store.only("ImagingStudy")
    _harvest(store, ONE)
    after = store.only("ImagingStudy")
    assert after["id"] == before["id"] and after["status"] == "available" and after["basedOn"]


def test_accession_that_comes_later_joins_the_harvested_study(store: FeedStore) -> None:
    _harvest(store, ONE)
    before = store.only("ImagingStudy")
    _order(store)
    _report(store)
    after = store.only("ImagingStudy")
    assert after["id"] == before["id"] and after["basedOn"]
    assert store.only("DiagnosticReport")["imagingStudy"] == [{"reference": f"ImagingStudy/{after['id']}"}]


def test_two_studies_under_one_accession_both_answer_the_order_and_bear_the_report(store: FeedStore) -> None:
    steps = [
        lambda: _order(store),
        lambda: _report(store),
        lambda: _harvest(store, ONE),
        lambda: _harvest(store, TWO),
    ]
    expected: list[str] = []
    for order in itertools.permutations(range(4)) if store.database.is_sqlite else [(0, 1, 2, 3), (2, 3, 1, 0)]:
        store.clear()
        for step in order:
            steps[step]()
        studies = store.resources("ImagingStudy")
        assert len(studies) == 2 and all(study["basedOn"] for study in studies), order
        assert len(store.only("DiagnosticReport")["imagingStudy"]) == 2, order
        expected = expected or store.snapshot()
        assert store.snapshot() == expected, order


def test_accession_number_used_again_for_another_patient_joins_nothing(store: FeedStore) -> None:
    _harvest(store, ONE, mrn="K1")
    store.file(make_omg(sender(), BERT, [exam(number=1)], occasion=on(50, order_control="NW")))
    studies = store.resources("ImagingStudy")
    assert len(studies) == 2
    assert len({study["subject"]["reference"] for study in studies}) == 2
    harvested = next(study for study in studies if study["status"] == "available")
    assert "basedOn" not in harvested


def test_uid_that_joins_two_known_studies_leaves_one_and_moves_who_refers_to_the_other(store: FeedStore) -> None:
    """The placeholder of the accession ends; the report that pointed to it points to the study with images."""
    _harvest(store, ONE, accession="X1")
    _order(store)
    _report(store)
    assert len(store.resources("ImagingStudy")) == 2
    _order(store, uid=ONE, minutes=60)
    study = store.only("ImagingStudy")
    assert study["status"] == "available"
    assert store.only("DiagnosticReport")["imagingStudy"] == [{"reference": f"ImagingStudy/{study['id']}"}]


def test_harvesting_again_changes_nothing(store: FeedStore) -> None:
    _harvest(store, ONE)
    before = [d["meta"]["versionId"] for d in store.resources()]
    _harvest(store, ONE)
    assert [d["meta"]["versionId"] for d in store.resources()] == before


def test_second_archive_adds_its_endpoint(store: FeedStore) -> None:
    _harvest(store, ONE, source="pacs:e1")
    _harvest(store, ONE, source="pacs:e2")
    assert {e["reference"] for e in store.only("ImagingStudy")["endpoint"]} == {"Endpoint/e1", "Endpoint/e2"}


def test_merge_brings_studies_of_one_accession_together(store: FeedStore) -> None:
    """The order stood under one number of the patient, the images under another."""
    from hl7.emit import make_merge

    double = person("K9", None)
    store.file(make_adt("A28", sender(), ANNA, occasion=on(0)), make_adt("A28", sender(), double, occasion=on(1)))
    _order(store, who=double)
    _harvest(store, ONE, mrn="K1")
    assert len(store.resources("ImagingStudy")) == 2
    store.file(make_merge(sender(), ANNA, "K9", occasion=on(40)))
    assert store.only("ImagingStudy")["basedOn"]


def test_messages_filed_at_once_make_one_of_each_thing(store: FeedStore) -> None:
    """Forty messages of four people, filed by four workers: the same clinicians, trust and persons throughout."""
    people = [replace(ANNA, mrn=f"M{n}", nhs_number=person("", 1).nhs_number if n < 2 else "") for n in range(4)]
    for number in range(40):
        who = people[number % 4]
        raw = make_omg(
            sender("RX1" if number % 2 else "RWE"), who, [exam(number)], occasion=on(number, order_control="NW")
        )
        store.receive(raw)
    workers = [threading.Thread(target=file_pending, args=(store.services,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    file_pending(store.services)
    assert {m.state for m in store.messages()} == {"filed"}
    assert len(store.resources("ServiceRequest")) == 40
    assert len(store.resources("Organization")) == 2
    assert len([p for p in store.resources("Patient") if p["active"]]) == 3
