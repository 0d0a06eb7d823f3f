"""The filing loop as a process: it keeps up, stops cleanly, and kill -9 neither loses nor doubles anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fhir_server.errors import Unavailable
from fhir_server.ingest import pipeline
from fhir_server.ingest.pipeline import file_pending, run_filing
from hl7.emit import make_adt, make_omg
from hl7.mllp import MllpFramer, make_frame
from tests.support.feed_store import FeedStore, exam, on, person, sender

FEEDS_PROCESS = """
import sys, threading
from adapters.ris_hl7v2.listener import MllpListener
from fhir_server.ingest.pipeline import run_filing
from fhir_server.ingest.services import IngestServices
from fhir_server.settings import Settings
from fhir_server.storage.database import Database
from fhir_server.storage.unit_of_work import Storage
services, stop = IngestServices(Storage(Database(sys.argv[1])), Settings()), threading.Event()
listener = MllpListener(services, "127.0.0.1", int(sys.argv[2]))
threading.Thread(target=run_filing, args=(services, stop), daemon=True).start()
print(listener.port, flush=True)
listener.run(stop)
"""


@pytest.fixture(scope="module")
def module_store(store_url: str) -> Iterator[FeedStore]:
    store = FeedStore(store_url).register()
    yield store
    store.close()


@pytest.fixture
def store(module_store: FeedStore) -> FeedStore:
    module_store.clear()
    return module_store


def _message(number: int) -> bytes:
    who = person(f"M{number % 5}", number % 5)
    if number % 2:
        return make_adt("A31", sender(), who, occasion=on(number, f"N{number}"))
    return make_omg(sender(), who, [exam(number)], occasion=on(number, f"N{number}", order_control="NW"))


def test_loop_files_what_comes_and_stops_when_told(store: FeedStore) -> None:
    stop = threading.Event()
    loop = threading.Thread(target=run_filing, args=(store.services, stop))
    loop.start()
    for number in range(12):
        store.receive(_message(number))
    deadline = time.monotonic() + 30
    while any(m.state == "received" for m in store.messages()) and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.set()
    loop.join(10)
    assert not loop.is_alive()
    assert {m.state for m in store.messages()} == {"filed"} and len(store.resources("ServiceRequest")) == 6


def test_database_that_is_out_of_order_makes_a_message_wait_and_not_fail(
    store: FeedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise Unavailable("not now")

    store.receive(_message(1))
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "record", refuse)
        assert file_pending(store.services) == 0
    assert store.messages()[0].state == "received"
    deadline = time.monotonic() + 10
    while not file_pending(store.services) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert store.messages()[0].state == "filed"


def test_what_nobody_foresaw_is_quarantined_without_its_text(
    store: FeedStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise ValueError("TESTER Anna")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "record", fail)
        assert store.file(_message(1), _message(3)) == ["quarantined", "quarantined"]
    assert store.messages()[0].reason == "internal-error" and "TESTER" not in store.messages()[0].reason_text
    assert "TESTER" not in caplog.text


def _start(url: str, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", FEEDS_PROCESS, url, str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _send(port: int, raw: bytes) -> bytes:
    """One message on a connection of its own; empty when the answer does not come."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(make_frame(raw))
        framer, events = MllpFramer(), []
        while not events:
            data = sock.recv(65536)
            if not data:
                return b""
            events = framer.feed(data)
        return events[0].payload  # type: ignore[union-attr]
    return b""


def test_kill_9_at_any_moment_loses_nothing_acknowledged_and_doubles_nothing(store: FeedStore, store_url: str) -> None:
    """A sender repeats what was not acknowledged, as RISs do; the process is killed again and again meanwhile."""
    process, port = _start(store_url)
    done = threading.Event()
    acknowledged: list[str] = []

    def send_all() -> None:
        for number in range(60):
            while b"MSA|AA" not in _send(port, _message(number)):
                time.sleep(0.05)
            acknowledged.append(f"N{number}")
            time.sleep(0.02)
        done.set()

    sending = threading.Thread(target=send_all)
    sending.start()
    kills = 0
    try:
        while not done.wait(0.4):
            kills += 1
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process, port = _start(store_url, port)
        deadline = time.monotonic() + 60
        while any(m.state == "received" for m in store.messages()) and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        sending.join(10)
    assert kills >= 2
    assert sorted(m.control_id for m in store.messages()) == sorted(acknowledged)
    assert {m.state for m in store.messages()} == {"filed"}
    assert len(store.resources("ServiceRequest")) == 30 and len(store.resources("Patient")) == 5
    targets = [t["reference"] for p in store.resources("Provenance") for t in p["target"]]
    assert len(targets) == len(set(targets))
