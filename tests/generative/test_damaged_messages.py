"""Whatever a damaged message holds, it ends filed or quarantined with a reason that somebody foresaw."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from fhir_server.ingest.registry import add_feed, add_trust
from hl7.message import NoMessageHeader, peek_header
from tests.support.feed_store import FeedStore

SAMPLES = [path.read_bytes() for path in sorted(Path("tests/samples/hl7").glob("*.hl7"))]
ODDITIES = [
    b"", b'""', b"20261399", b"20260230", b"1" * 300, b"\xff\xfe", b"<x>", b"^^^&&", b"~~~", b"\x00", b"\x85\x0b", b" ",
    b"9990000018", b"\\X0D\\", b"\\H\\", b"A" * 5000, b"-1", b"0000", b"urn:key:Patient:x|y", "é".encode(), b"|", b"\t",
]  # fmt: skip
UNFORESEEN = frozenset({"internal-error", "invalid-resource", "database"})


@pytest.fixture
def store(sqlite_store_url: str) -> FeedStore:
    store = FeedStore(sqlite_store_url)
    add_trust(store.storage, "RX1", "Nottingham")
    senders = {(h.sending_application, h.sending_facility or "NONE") for h in map(peek_header, SAMPLES)}
    for number, (application, facility) in enumerate(sorted(senders)):
        add_feed(
            store.storage, f"feed{number}", trust="RX1", msh_3=application, msh_4=facility, profile="uk-a3",
            production=False,
        )  # fmt: skip
    return store


def _damaged(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.replace(b"\n", b"\r").split(b"\r")
    for _ in range(chance.randint(1, 5)):
        number = chance.randrange(len(lines))
        what = chance.random()
        if what < 0.15 and number:
            del lines[number]
        elif what < 0.3:
            lines.insert(chance.randrange(1, len(lines) + 1), lines[number])
        else:
            lines[number] = _odd(lines[number], chance, first=9 if number == 0 else 1)
    return b"\r".join(lines)


def _odd(line: bytes, chance: random.Random, first: int) -> bytes:
    fields = line.split(b"|")
    if len(fields) <= first:
        return line
    number = chance.randrange(first, len(fields))
    if chance.random() < 0.4:
        components = fields[number].split(b"^")
        components[chance.randrange(len(components))] = chance.choice(ODDITIES)
        fields[number] = b"^".join(components)
    else:
        fields[number] = chance.choice(ODDITIES)
    return b"|".join(fields)


def test_damaged_messages_are_filed_or_quarantined_with_a_foreseen_reason(store: FeedStore) -> None:
    chance = random.Random(20260302)
    for _ in range(120):
        raw = _damaged(chance.choice(SAMPLES), chance)
        receipt = store.receive(raw)
        assert b"MSA|" in receipt.ack
        if not receipt.accepted:
            with pytest.raises(NoMessageHeader):
                peek_header(raw)
    store.file()
    outcomes = Counter((m.state, m.reason) for m in store.messages())
    assert not [outcome for outcome in outcomes if outcome[1] in UNFORESEEN or outcome[0] == "received"], outcomes
