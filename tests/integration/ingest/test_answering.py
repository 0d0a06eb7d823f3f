"""Whatever goes wrong, the sender hears something, and a feed that leaves MSH-4 empty can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.errors import BadRequest
from fhir_server.ingest import receive as receiving
from fhir_server.ingest.registry import add_feed
from hl7.emit import make_adt
from hl7.message import Header
from tests.support.feed_store import FeedStore, on, person, sender


@pytest.fixture(scope="module")
def store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(store_url).register()
    yield store
    store.close()


def test_sender_hears_of_a_message_whose_answer_cannot_be_made(
    store: FeedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = receiving.make_acknowledgement

    def make(header: Header, *args: Any, **more: Any) -> bytes:
        if header.sending_facility:
            raise RuntimeError("a fault of ours")
        return whole(header, *args, **more)

    raw = make_adt("A28", sender(), person("K1"), occasion=on(0, "HARD1"))
    with monkeypatch.context() as patched:
        patched.setattr(receiving, "make_acknowledgement", make)
        assert b"MSA|AE|HARD1|" in store.receive(raw).ack
    again = store.receive(raw)
    assert b"MSA|AA|HARD1" in again.ack and again.duplicate


def test_sender_without_a_facility_is_told_apart_by_its_application(store: FeedStore) -> None:
    raw = make_adt("A28", sender(), person("K2"), occasion=on(0)).replace(b"|RIS|RX1|", b"|LONE RIS||", 1)
    assert store.file(raw) == ["quarantined"]
    add_feed(store.storage, "lone", trust="RX1", msh_3="LONE RIS")
    assert store.file(raw.replace(b"K2", b"K3")) == ["filed"]


def test_feed_needs_something_to_be_told_apart_by(store: FeedStore) -> None:
    with pytest.raises(BadRequest):
        add_feed(store.storage, "nothing", trust="RX1")
