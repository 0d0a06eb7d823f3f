"""Messages end as resources, whatever their order: the pipeline on both databases."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest

from fhir_server.ingest.recording import record_fragments
from fhir_server.ingest.registry import add_feed, add_trust, end_trust
from fhir_server.ingest.replay import ReplayFilter, replay
from fhir_server.storage.tables.feed import feed, trust
from hl7.emit import Report, make_adt, make_merge, make_omg, make_oru
from hl7.fragments import BusinessKey, Fragment
from tests.support.feed_store import FeedStore, at, exam, on, person, sender

UID = "1.2.826.0.1.3680043.2.1"


@pytest.fixture(scope="module")
def module_store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(store_url).register()
    yield store
    store.close()


@pytest.fixture
def store(module_store: FeedStore) -> FeedStore:
    module_store.clear()
    return module_store


ANNA = person("K1", 1)
REPORT = Report(lines=("No mass.",), status="F", reported_at=at(30))


def test_admission_order_and_report_become_one_story(store: FeedStore) -> None:
    states = store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_omg(sender(), ANNA, [exam(study_uid=UID)], occasion=on(10, order_control="NW")),
        make_oru(sender(), ANNA, [exam(study_uid=UID)], REPORT, occasion=on(30)),
    )
    assert states == ["filed"] * 3
    patient, order = store.only("Patient"), store.only("ServiceRequest")
    study, report, task = store.only("ImagingStudy"), store.only("DiagnosticReport"), store.only("Task")
    assert report["status"] == "final" and order["status"] == "completed" and task["status"] == "completed"
    assert report["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert report["imagingStudy"] == [{"reference": f"ImagingStudy/{study['id']}"}]
    assert study["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert {d["subject"]["reference"] for d in (order, study, report)} == {f"Patient/{patient['id']}"}
    assert len(store.resources("Provenance")) == 3


def test_provenance_names_the_versions_and_the_stored_message(store: FeedStore) -> None:
    receipt = store.receive(make_adt("A28", sender(), ANNA, occasion=on(0)))
    store.file()
    provenance, patient = store.only("Provenance"), store.only("Patient")
    assert provenance["target"] == [{"reference": f"Patient/{patient['id']}/_history/1"}]
    assert provenance["entity"][0]["what"]["identifier"]["value"] == f"urn:uuid:{receipt.message_id}"


def test_repeated_message_is_acknowledged_and_stored_once(store: FeedStore) -> None:
    raw = make_adt("A28", sender(), ANNA, occasion=on(0, "ONCE"))
    first, second = store.receive(raw), store.receive(raw)
    assert b"MSA|AA|ONCE" in second.ack and second.duplicate and second.message_id == first.message_id
    assert len(store.messages()) == 1


def test_reused_control_id_with_other_content_is_filed_with_a_warning(store: FeedStore) -> None:
    states = store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0, "SAME")),
        make_adt("A31", sender(), replace(ANNA, family="OTHERNAME"), occasion=on(1, "SAME")),
    )
    assert states == ["filed", "filed-with-warnings"]
    assert store.only("Patient")["name"][0]["family"] == "OTHERNAME"


def test_unknown_sender_is_acknowledged_and_quarantined_and_filed_once_registered(store: FeedStore) -> None:
    receipt = store.receive(make_adt("A28", sender("RZZ"), ANNA, occasion=on(0, "STRANGE")))
    assert b"MSA|AA|STRANGE" in receipt.ack
    assert store.message(receipt.message_id).reason == "unknown-sender"
    add_trust(store.storage, "RZZ", "Elsewhere")
    add_feed(store.storage, f"RZZ-{random.random()}", trust="RZZ", msh_4="RZZ")
    assert replay(store.storage, ReplayFilter(reason="unknown-sender")) == 1
    store.file()
    assert store.message(receipt.message_id).state == "filed"
    store.database.write(lambda connection: connection.execute(feed.delete().where(feed.c.trust == "RZZ")))


def test_test_message_on_production_feed_is_refused_and_not_stored(store: FeedStore) -> None:
    raw = make_adt("A28", replace(sender(), processing_id="T"), ANNA, occasion=on(0, "TEST1"))
    receipt = store.receive(raw)
    assert b"MSA|AE|TEST1" in receipt.ack and b"202" in receipt.ack and not receipt.accepted
    assert store.messages() == []


def test_bytes_without_msh_are_refused(store: FeedStore) -> None:
    assert b"MSA|AR" in store.receive(b"GET / HTTP/1.1\r\n\r\n").ack


def test_message_that_names_nobody_is_quarantined_with_the_place(store: FeedStore) -> None:
    raw = (
        make_adt("A28", sender(), ANNA, occasion=on(0))
        .replace(b"K1^^^RX1^MR~", b"")
        .replace(ANNA.nhs_number.encode() + b"^^^NHS^NH", b"")
    )
    receipt = store.receive(raw)
    store.file()
    message = store.message(receipt.message_id)
    assert (message.state, message.reason) == ("quarantined", "no-patient-identifier")
    assert "PID-3" in message.warnings


def test_order_does_not_change_demographics_but_creates_who_is_missing(store: FeedStore) -> None:
    store.file(
        make_omg(sender(), replace(ANNA, family="TYPO"), [exam()], occasion=on(10, order_control="NW")),
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_omg(sender(), replace(ANNA, family="LATER"), [exam(2)], occasion=on(20, order_control="NW")),
    )
    assert store.only("Patient")["name"][0]["family"] == "TESTER"


def test_order_with_another_birth_date_is_filed_with_an_alarm(store: FeedStore) -> None:
    other = replace(ANNA, birth_date=date(1999, 1, 1))
    states = store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_omg(sender(), other, [exam()], occasion=on(10, order_control="NW")),
    )
    assert states == ["filed", "filed-with-warnings"]
    assert "demographics-mismatch" in store.messages()[1].warnings and "1999" not in store.messages()[1].warnings


def test_older_admission_does_not_roll_back_a_newer_one(store: FeedStore) -> None:
    store.file(
        make_adt("A31", sender(), replace(ANNA, family="MARRIED"), occasion=on(60)),
        make_adt("A28", sender(), ANNA, occasion=on(0)),
    )
    assert store.only("Patient")["name"][0]["family"] == "MARRIED"


def test_report_before_its_order_makes_a_placeholder_that_the_order_fills(store: FeedStore) -> None:
    store.file(make_oru(sender(), ANNA, [exam()], REPORT, occasion=on(30)))
    placeholder = store.only("ServiceRequest")["id"]
    store.file(make_omg(sender(), ANNA, [exam(clinical_information="cough")], occasion=on(5, order_control="NW")))
    order = store.only("ServiceRequest")
    assert order["id"] == placeholder and order["status"] == "completed" and order["note"][0]["text"] == "cough"


def test_correction_before_the_original_stays_a_correction(store: FeedStore) -> None:
    corrected = Report(lines=("A small mass.",), status="C", reported_at=at(50))
    store.file(
        make_oru(sender(), ANNA, [exam()], corrected, occasion=on(50)),
        make_oru(sender(), ANNA, [exam()], REPORT, occasion=on(30)),
    )
    assert store.only("DiagnosticReport")["status"] == "corrected"


def test_second_final_with_other_text_is_an_amendment(store: FeedStore) -> None:
    again = Report(lines=("No mass. No effusion.",), status="F", reported_at=at(45))
    store.file(
        make_oru(sender(), ANNA, [exam()], REPORT, occasion=on(30)),
        make_oru(sender(), ANNA, [exam()], again, occasion=on(45)),
    )
    report = store.only("DiagnosticReport")
    assert report["status"] == "amended" and report["meta"]["versionId"] == "2"


def test_replay_changes_nothing(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_oru(sender(), ANNA, [exam()], REPORT, occasion=on(30)),
    )
    before, versions = store.snapshot(), [d["meta"]["versionId"] for d in store.resources()]
    assert replay(store.storage, ReplayFilter()) == 2
    store.file()
    assert store.snapshot() == before and [d["meta"]["versionId"] for d in store.resources()] == versions
    assert {m.state for m in store.messages()} == {"filed"} and len(store.resources("Provenance")) == 2


def test_replay_of_a_merge_changes_nothing(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_omg(sender(), person("K2", None), [exam()], occasion=on(1, order_control="NW")),
        make_merge(sender(), ANNA, "K2", occasion=on(40)),
    )
    before = store.snapshot()
    replay(store.storage, ReplayFilter())
    store.file()
    assert store.snapshot() == before and {m.state for m in store.messages()} == {"filed"}


def test_message_of_an_address_that_may_not_send_is_kept_in_quarantine(store: FeedStore) -> None:
    def peers(value: str) -> None:
        statement = feed.update().where(feed.c.name == "RX1-ris").values(peers=value)
        store.database.write(lambda connection: connection.execute(statement))

    peers("10.1.0.0/16")
    receipt = store.receive(make_adt("A28", sender(), ANNA, occasion=on(0, "FAR")))
    peers("10.1.0.0/16, 127.0.0.1")
    near = store.receive(make_adt("A28", sender(), ANNA, occasion=on(0, "NEAR")))
    peers("")
    assert b"MSA|AA|FAR" in receipt.ack and store.message(receipt.message_id).reason == "peer-not-allowed"
    assert store.message(near.message_id).state == "received"


def test_records_of_a_trust_that_ended_are_its_successors(store: FeedStore) -> None:
    end_trust(store.storage, "RX1", "RWE")
    try:
        store.file(make_omg(sender(), ANNA, [exam()], occasion=on(1, order_control="NW")))
        assert store.only("ServiceRequest")["meta"]["tag"][0]["code"] == "RWE"
    finally:
        store.database.write(
            lambda connection: connection.execute(trust.update().values(successor=None, valid_to=None))
        )


def test_two_trusts_with_one_verified_number_and_birth_date_share_the_patient(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender("RX1"), ANNA, occasion=on(0)),
        make_adt("A28", sender("RWE"), replace(ANNA, mrn="S7"), occasion=on(1)),
    )
    numbers = {i["value"] for i in store.only("Patient")["identifier"]}
    assert numbers == {"K1", "S7", ANNA.nhs_number}


def test_untraced_number_does_not_link(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender("RX1"), ANNA, occasion=on(0)),
        make_adt("A28", sender("RWE"), replace(ANNA, mrn="S7", nhs_number_status="02"), occasion=on(1)),
    )
    assert len(store.resources("Patient")) == 2


def test_number_that_is_traced_later_joins_and_the_early_patient_says_where_to_look(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender("RX1"), ANNA, occasion=on(0)),
        make_adt("A28", sender("RWE"), replace(ANNA, mrn="S7", nhs_number=""), occasion=on(1)),
        make_omg(sender("RWE"), replace(ANNA, mrn="S7", nhs_number=""), [exam()], occasion=on(2, order_control="NW")),
        make_adt("A31", sender("RWE"), replace(ANNA, mrn="S7"), occasion=on(3)),
    )
    stub, active = sorted(store.resources("Patient"), key=lambda p: p["active"])
    assert stub["link"] == [{"other": {"reference": f"Patient/{active['id']}"}, "type": "replaced-by"}]
    assert store.only("ServiceRequest")["subject"]["reference"] == f"Patient/{active['id']}"


def test_one_number_with_two_birth_dates_makes_two_flagged_patients(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender("RX1"), ANNA, occasion=on(0)),
        make_adt("A28", sender("RWE"), replace(ANNA, mrn="S7", birth_date=date(1960, 1, 1)), occasion=on(1)),
    )
    patients = store.resources("Patient")
    assert len(patients) == 2 and all(p["extension"][-1]["valueCode"] == "birth-date" for p in patients)
    store.file(make_adt("A31", sender("RWE"), replace(ANNA, mrn="S7"), occasion=on(2)))
    active = [p for p in store.resources("Patient") if p["active"]]
    assert len(active) == 1 and "extension" not in active[0]


def _harvest(store: FeedStore) -> None:
    key = BusinessKey("ImagingStudy", "urn:dicom:uid", f"urn:oid:{UID}")
    accession = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
        "system": "urn:x-imaging-record:RX1.ris/accession",
        "value": "A000001",
    }
    patient = BusinessKey("Patient", "urn:x-imaging-record:RX1.ris/mrn", "K2")
    who = {"resourceType": "Patient", "identifier": [{"system": patient.system, "value": patient.value}]}
    content = {
        "resourceType": "ImagingStudy",
        "status": "available",
        "identifier": [{"system": key.system, "value": key.value}, accession],
        "subject": patient.reference(),
        "numberOfSeries": 1,
        "series": [{"uid": f"{UID}.1", "modality": {"code": "CT"}, "numberOfInstances": 3}],
    }
    fragments = (
        Fragment(patient, who, at(20), authoritative=False),
        Fragment(key, content, at(20), status_rank=100),
    )
    record_fragments(store.storage, fragments, source="pacs:e1", observed_at=at(20), custodian="RX1")


def _story() -> list[Callable[[FeedStore], None]]:
    loser = person("K2", None, given="Ann")
    messages = [
        make_adt("A28", sender(), ANNA, occasion=on(0, "C0")),
        make_adt("A28", sender(), loser, occasion=on(1, "C1")),
        make_omg(sender(), loser, [exam()], occasion=on(10, "C2", order_control="NW")),
        make_oru(sender(), loser, [exam()], REPORT, occasion=on(30, "C3")),
        make_merge(sender(), ANNA, "K2", occasion=on(40, "C4")),
    ]

    def filing(raw: bytes) -> Callable[[FeedStore], None]:
        return lambda store: assert_filed(store, raw)

    def assert_filed(store: FeedStore, raw: bytes) -> None:
        assert store.file(raw) == ["filed"]

    return [*(filing(raw) for raw in messages), _harvest]


def test_every_order_of_a_story_ends_in_the_same_record(store: FeedStore) -> None:
    """A person, a second number, an order, a report, a merge, and the images: shuffled, and some of it twice."""
    story = _story()
    chance = random.Random(7)
    orders = [list(range(6)), list(reversed(range(6)))]
    orders += chance.sample(list(itertools.permutations(range(6))), 10 if store.database.is_sqlite else 4)
    expected: list[str] = []
    for order in orders:
        store.clear()
        for step in [*order, *chance.sample(order, 2)]:
            story[step](store)
        found = store.snapshot()
        expected = expected or found
        assert found == expected, f"order {order}"
    text = "".join(expected)
    assert '"status": "available"' in text and '"replaced-by"' in text
