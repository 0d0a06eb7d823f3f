"""Merges of source identities: what moves, what is refused, and that unmerging reverses them exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fhir_server.errors import NotFound
from fhir_server.identity.unmerge import unmerge
from fhir_server.ingest.registry import add_feed, add_trust
from fhir_server.storage import identities
from fhir_server.storage.contribution_rows import Name
from hl7.emit import Report, make_adt, make_merge, make_omg, make_oru
from tests.support.feed_store import FeedStore, at, exam, on, person, sender

MRN = "urn:x-imaging-record:RX1.ris/mrn"
ANNA = person("K1", 1)
DOUBLE = person("K2", None, given="Ann")
REPORT = Report(lines=("No mass.",), status="F", reported_at=at(30))


@pytest.fixture(scope="module")
def module_store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(store_url).register()
    add_trust(store.storage, "RTG", "Derby and Burton")
    add_feed(store.storage, "RTG-ris", trust="RTG", msh_4="RTG")
    yield store
    store.close()


@pytest.fixture
def store(module_store: FeedStore) -> FeedStore:
    module_store.clear()
    return module_store


def _worklist(store: FeedStore) -> list[str]:
    with store.database.read() as connection:
        return [conflict["kind"] for conflict in identities.open_conflicts(connection)]


def _two_people(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_adt("A28", sender(), DOUBLE, occasion=on(1)),
        make_omg(sender(), ANNA, [exam(1)], occasion=on(9, order_control="NW")),
        make_omg(sender(), DOUBLE, [exam(2)], occasion=on(10, order_control="NW")),
        make_oru(sender(), DOUBLE, [exam(2)], REPORT, occasion=on(30)),
    )


def _patients(store: FeedStore) -> tuple[dict, dict]:
    inactive, active = sorted(store.resources("Patient"), key=lambda p: p["active"])
    return active, inactive


def test_merge_moves_exactly_the_losers_resources(store: FeedStore) -> None:
    _two_people(store)
    assert store.file(make_merge(sender(), ANNA, "K2", occasion=on(40))) == ["filed"]
    survivor, loser = _patients(store)
    assert loser["link"] == [{"other": {"reference": f"Patient/{survivor['id']}"}, "type": "replaced-by"}]
    assert survivor["link"] == [{"other": {"reference": f"Patient/{loser['id']}"}, "type": "replaces"}]
    assert {(i["value"], i["use"]) for i in survivor["identifier"]} >= {("K1", "usual"), ("K2", "old")}
    subjects = {d["subject"]["reference"] for d in store.resources() if "subject" in d}
    assert subjects == {f"Patient/{survivor['id']}"}


def test_merge_does_not_change_the_survivors_demographics(store: FeedStore) -> None:
    _two_people(store)
    store.file(make_merge(sender(), replace(ANNA, family="WRONG"), "K2", occasion=on(40)))
    assert _patients(store)[0]["name"][0]["family"] == "TESTER"


def test_repeated_merge_changes_nothing(store: FeedStore) -> None:
    _two_people(store)
    store.file(make_merge(sender(), ANNA, "K2", occasion=on(40)))
    before = store.snapshot()
    assert store.file(make_merge(sender(), ANNA, "K2", occasion=on(41))) == ["filed"]
    assert store.snapshot() == before


def test_inverse_merge_is_quarantined(store: FeedStore) -> None:
    _two_people(store)
    store.file(make_merge(sender(), ANNA, "K2", occasion=on(40)))
    before = store.snapshot()
    receipt = store.receive(make_merge(sender(), DOUBLE, "K1", occasion=on(41)))
    store.file()
    assert store.message(receipt.message_id).reason == "inverse-merge"
    assert store.snapshot() == before


def test_what_comes_later_under_the_old_number_goes_to_the_survivor(store: FeedStore) -> None:
    _two_people(store)
    store.file(make_merge(sender(), ANNA, "K2", occasion=on(40)))
    store.file(make_omg(sender(), DOUBLE, [exam(3)], occasion=on(50, order_control="NW")))
    survivor, _ = _patients(store)
    assert {d["subject"]["reference"] for d in store.resources("ServiceRequest")} == {f"Patient/{survivor['id']}"}


def test_merge_of_two_verified_nhs_numbers_waits_on_the_worklist(store: FeedStore) -> None:
    other = replace(DOUBLE, nhs_number=person("", 2).nhs_number)
    store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_adt("A28", sender(), other, occasion=on(1)),
        make_merge(sender(), ANNA, "K2", occasion=on(40)),
    )
    assert all(p["active"] for p in store.resources("Patient"))
    assert _worklist(store) == ["merge-refused"]


def test_merge_of_another_namespace_waits_on_the_worklist(store: FeedStore) -> None:
    """Derby's feed knows Burton's numbers by name; it speaks for its own."""
    burton = replace(DOUBLE, mrn="B1", mrn_authority="RJF")
    store.file(
        make_adt("A28", sender("RTG"), replace(ANNA, mrn="D1"), occasion=on(0)),
        make_adt("A28", sender("RTG"), burton, occasion=on(1)),
        make_merge(sender("RTG"), replace(ANNA, mrn="D1"), "B1", "RJF", occasion=on(40)),
    )
    assert [p["active"] for p in store.resources("Patient")] == [True, True]
    assert _worklist(store) == ["merge-refused"]


def test_chain_of_merges_ends_at_the_last_survivor(store: FeedStore) -> None:
    _two_people(store)
    third = person("K3", None, given="Anne")
    store.file(
        make_merge(sender(), DOUBLE, "K3", occasion=on(40)),
        make_merge(sender(), ANNA, "K2", occasion=on(41)),
        make_omg(sender(), third, [exam(3)], occasion=on(50, order_control="NW")),
    )
    active = [p for p in store.resources("Patient") if p["active"]]
    assert len(active) == 1
    assert {d["subject"]["reference"] for d in store.resources("ServiceRequest")} == {f"Patient/{active[0]['id']}"}


def test_unmerge_reverses_exactly(store: FeedStore) -> None:
    _two_people(store)
    before = store.snapshot()
    store.file(make_merge(sender(), ANNA, "K2", occasion=on(40)))
    assert store.snapshot() != before
    unmerge(store.storage, Name(MRN, "K1"), Name(MRN, "K2"))
    assert store.snapshot() == before
    with pytest.raises(NotFound):
        unmerge(store.storage, Name(MRN, "K1"), Name(MRN, "K2"))


def test_changed_nhs_number_goes_to_the_worklist_under_a_flagged_patient(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender(), ANNA, occasion=on(0)),
        make_adt("A31", sender(), replace(ANNA, nhs_number=person("", 2).nhs_number), occasion=on(5)),
    )
    assert store.only("Patient")["extension"][-1]["valueCode"] == "nhs-number-changed"
    assert _worklist(store) == ["nhs-number-changed"]


def test_person_known_by_nhs_number_alone_is_filed_and_linked(store: FeedStore) -> None:
    store.file(
        make_adt("A28", sender("RWE"), replace(ANNA, mrn="S1"), occasion=on(0)),
        make_omg(sender("RX1"), replace(ANNA, mrn=""), [exam(1)], occasion=on(9, order_control="NW")),
    )
    patient = store.only("Patient")
    assert store.only("ServiceRequest")["subject"]["reference"] == f"Patient/{patient['id']}"
