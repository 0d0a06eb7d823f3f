"""What operators do about quarantine, by the commands that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli.main import group
from fhir_server.errors import BadRequest
from fhir_server.ingest.pipeline import file_pending
from fhir_server.ingest.registry import add_feed, add_trust
from hl7.emit import make_adt
from tests.support.feed_store import FeedStore, on, person, sender

ANNA = person("K1", 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedStore]:
    url = f"sqlite:///{tmp_path / 'record.db'}"
    _run(url, "trust", "add", "RX1", "Nottingham")
    store = FeedStore(url)
    yield store
    store.database.close()


def _run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(group, [*arguments, "--database", url])


def test_message_of_a_feed_that_is_registered_later_is_listed_then_replayed_then_filed(store: FeedStore) -> None:
    url = str(store.database.url)
    add_trust(store.storage, "RK5", "Sherwood Forest")
    [state] = store.file(make_adt("A28", sender("RK5"), ANNA, occasion=on(0)))
    assert state == "quarantined"
    listed = json.loads(_run(url, "quarantine", "--json").output)
    assert (listed["reason"], listed["feed"], listed["message_type"]) == ("unknown-sender", "", "ADT^A28")
    add_feed(store.storage, "RK5 RIS", trust="RK5", msh_4="RK5")
    assert _run(url, "replay", "--reason", "unknown-sender").output == "1 messages wait to be filed\n"
    file_pending(store.services)
    assert store.message(listed["message_id"]).state == "filed"
    assert _run(url, "quarantine").output == ""


def test_listing_shows_nothing_of_the_content(store: FeedStore) -> None:
    store.file(make_adt("A28", sender("RZZ"), ANNA, occasion=on(0)))
    output = _run(str(store.database.url), "quarantine").output
    assert "unknown-sender" in output
    assert not any(secret in output for secret in (ANNA.mrn, ANNA.family, ANNA.nhs_number))


def test_replay_without_a_choice_is_refused(store: FeedStore) -> None:
    assert isinstance(_run(str(store.database.url), "replay").exception, BadRequest)
