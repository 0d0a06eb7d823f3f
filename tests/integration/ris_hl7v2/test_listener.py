"""The MLLP listener with real sockets on both databases: split bytes, many messages a read, strangers, junk, giants."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adapters.ris_hl7v2.listener import MllpListener
from hl7.emit import make_adt
from hl7.mllp import MllpFramer, make_frame
from tests.support.feed_store import FeedStore, on, person, sender

ANNA = person("K1", 1)


@pytest.fixture(scope="module")
def module_store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(
        store_url, mllp_message_bytes_max=100_000, mllp_idle_timeout_s=2.0, mllp_connections_max=4, stop_timeout_s=3.0
    ).register()
    yield store
    store.close()


@pytest.fixture
def store(module_store: FeedStore) -> FeedStore:
    module_store.clear()
    return module_store


class Listening:
    """A listener in a thread."""

    def __init__(self, store: FeedStore) -> None:
        self.listener = MllpListener(store.services, "127.0.0.1", 0)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.listener.run, args=(self.stop,))
        self.thread.start()

    @contextmanager
    def connected(self) -> Iterator[Peer]:
        with socket.create_connection(("127.0.0.1", self.listener.port), timeout=10) as sock:
            yield Peer(sock)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


class Peer:
    """A sender: acknowledgements come back as payloads."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._framer = MllpFramer()
        self._waiting: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> bytes:
        while not self._waiting:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._waiting += [event.payload for event in self._framer.feed(data)]  # type: ignore[union-attr]
        return self._waiting.pop(0)


@pytest.fixture
def listening(store: FeedStore) -> Iterator[Listening]:
    running = Listening(store)
    yield running
    running.end()


def _adt(control_id: str, minutes: int = 0) -> bytes:
    return make_adt("A31", sender(), ANNA, occasion=on(minutes, control_id))


def test_messages_on_one_connection_are_answered_in_turn(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        for number in range(5):
            peer.send(make_frame(_adt(f"N{number}", number)))
            assert f"MSA|AA|N{number}".encode() in peer.answer()
    assert len(store.messages()) == 5


def test_message_that_comes_byte_by_byte_is_one_message(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        for byte in make_frame(_adt("SLOW")):
            peer.send(bytes([byte]))
        assert b"MSA|AA|SLOW" in peer.answer()
    assert len(store.messages()) == 1


def test_several_messages_in_one_read_are_all_answered(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        peer.send(b"".join(make_frame(_adt(f"M{number}", number)) for number in range(4)))
        assert [f"M{number}".encode() in peer.answer() for number in range(4)] == [True] * 4
    assert len(store.messages()) == 4


def test_junk_between_messages_is_skipped(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        peer.send(b"\x00\x00hello" + make_frame(_adt("J1")) + b"\r\n\x00" + make_frame(_adt("J2", 1)))
        assert b"J1" in peer.answer() and b"J2" in peer.answer()


def test_payload_without_msh_is_refused_and_the_connection_goes_on(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        peer.send(make_frame(b"this is no message"))
        assert b"MSA|AR" in peer.answer()
        peer.send(make_frame(_adt("NEXT")))
        assert b"MSA|AA|NEXT" in peer.answer()
    assert len(store.messages()) == 1


def test_giant_is_refused_under_its_control_id_and_the_connection_goes_on(
    listening: Listening, store: FeedStore
) -> None:
    with listening.connected() as peer:
        peer.send(make_frame(_adt("GIANT") + b"NTE|1||" + b"x" * 200_000 + b"\r"))
        answer = peer.answer()
        assert b"MSA|AR|GIANT" in answer and b"ERR" in answer
        peer.send(make_frame(_adt("SMALL")))
        assert b"MSA|AA|SMALL" in peer.answer()
    assert [m.control_id for m in store.messages()] == ["SMALL"]


def test_repeated_message_is_acknowledged_again(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        for _ in range(3):
            peer.send(make_frame(_adt("TWICE")))
            assert b"MSA|AA|TWICE" in peer.answer()
    assert len(store.messages()) == 1


def test_stranger_is_acknowledged_and_quarantined(listening: Listening, store: FeedStore) -> None:
    with listening.connected() as peer:
        peer.send(make_frame(make_adt("A31", sender("ZZZ"), ANNA, occasion=on(0, "WHO"))))
        assert b"MSA|AA|WHO" in peer.answer()
    assert [(m.state, m.reason) for m in store.messages()] == [("quarantined", "unknown-sender")]


def test_enhanced_mode_gets_a_commit_acknowledgement(listening: Listening, store: FeedStore) -> None:
    from dataclasses import replace

    with listening.connected() as peer:
        peer.send(make_frame(make_adt("A31", replace(sender(), enhanced=True), ANNA, occasion=on(0, "ENH"))))
        assert b"MSA|CA|ENH" in peer.answer()


def test_bytes_that_are_not_text_are_kept_and_answered(listening: Listening, store: FeedStore) -> None:
    raw = _adt("LATIN").replace(b"UNICODE UTF-8", b"").replace(b"TESTER", b"M\xfcLLER")
    with listening.connected() as peer:
        peer.send(make_frame(raw))
        assert b"MSA|AA|LATIN" in peer.answer()
    store.file()
    assert store.only("Patient")["name"][0]["family"] == "MüLLER"


def test_silent_connection_is_closed(listening: Listening) -> None:
    with listening.connected() as peer:
        started = time.monotonic()
        assert peer.answer() == b""
        assert time.monotonic() - started < 6


def test_one_connection_too_many_is_turned_away_and_the_others_stay(listening: Listening) -> None:
    with listening.connected() as first, listening.connected(), listening.connected(), listening.connected():
        time.sleep(0.2)
        with listening.connected() as fifth:
            assert fifth.answer() == b""
        first.send(make_frame(_adt("STAYS")))
        assert b"MSA|AA|STAYS" in first.answer()


def test_connections_at_once_lose_nothing(listening: Listening, store: FeedStore) -> None:
    problems: list[str] = []

    def run(name: str) -> None:
        with listening.connected() as peer:
            for number in range(10):
                control_id = f"{name}{number}"
                peer.send(make_frame(_adt(control_id, number)))
                if f"MSA|AA|{control_id}".encode() not in peer.answer():
                    problems.append(control_id)

    threads = [threading.Thread(target=run, args=(name,)) for name in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and len(store.messages()) == 40


def test_stopping_lets_the_message_in_flight_get_its_answer(store: FeedStore) -> None:
    running = Listening(store)
    with running.connected() as peer:
        frame = make_frame(_adt("LAST"))
        peer.send(frame[:50])
        time.sleep(0.2)
        running.stop.set()
        time.sleep(0.2)
        peer.send(frame[50:])
        assert b"MSA|AA|LAST" in peer.answer()
        assert peer.answer() == b""
    running.end()
