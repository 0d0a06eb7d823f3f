"""Acknowledged is durable: seen in the system calls, the write-ahead log is on the disk before the answer leaves."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from fhir_server.storage.database import Database
from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.ledger import Ledger
from tests.journeys.senders import Ris
from tests.journeys.served import ServedRecord, eventually

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)"),
]
_CALLS = "fsync,fdatasync,read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_THREAD = re.compile(r"^\[?(?:pid\s+)?(\d+)\]?\s+(.*)")


@contextmanager
def traced(pids: list[int], output: Path) -> Iterator[None]:
    """Write the system calls of these processes, in the order in which they ended."""
    chosen = [f"--attach={pid}" for pid in pids]
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "600", "-o", str(output), "-e", f"trace={_CALLS}", *chosen],
        stderr=subprocess.PIPE,
    )
    try:
        assert tracer.stderr is not None
        if b"ttach" not in (first := tracer.stderr.readline()):
            pytest.skip(f"strace may not trace here: {first.decode().strip()}")
        time.sleep(0.5)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)


def calls(output: Path) -> list[str]:
    """The calls as they ended, each on one line: what another thread's call interrupted is put together again."""
    begun: dict[str, str] = {}
    ended = []
    for line in output.read_text(errors="replace").splitlines():
        match = _THREAD.match(line)
        if match is None:
            continue
        thread, call = match.groups()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            continue
        if _RESUMED.match(call):
            call = begun.pop(thread, "") + _RESUMED.sub("", call)
        ended.append(call)
    return ended


def between(found: list[str], first: str, last: str) -> list[str]:
    """The calls from the one that brings `first` to the one that carries `last`."""
    start = next(i for i, call in enumerate(found) if first in call and call.startswith(("re", "readv")))
    end = next(i for i, call in enumerate(found) if i > start and last in call and call.startswith(("wr", "send")))
    return found[start : end + 1]


def is_log_synced(found: list[str]) -> bool:
    return any(re.match(r"f(data)?sync\(\d+<[^>]*-wal>\)\s+= 0", call) for call in found)


def is_commit_confirmed(found: list[str]) -> bool:
    """PostgreSQL's CommandComplete for COMMIT, which with synchronous_commit comes after the flush of its log."""
    return any(call.startswith("re") and "C\\0\\0\\0\\vCOMMIT\\0" in call for call in found)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[ServedRecord]:
    with ServedRecord(tmp_path_factory.mktemp("traced"), database_url) as running:
        region.register(running.start(web_workers=1))
        yield running


def test_message_is_on_the_disk_before_its_acknowledgement(record: ServedRecord, tmp_path: Path):
    with traced([record.pids()["feeds"]], tmp_path / "trace"):
        ris = Ris(record, "RX1", 0, exams_max=1)
        ris.run()
    assert ris.error is None
    found = calls(tmp_path / "trace")
    for control_id in ris.ledger.intents:
        steps = between(found, f"|{control_id}|", f"MSA|AA|{control_id}")
        assert is_log_synced(steps) or is_commit_confirmed(steps), f"{control_id} was acknowledged before its commit"
        assert is_log_synced(steps) == record.database.startswith("sqlite")


def test_created_resource_is_on_the_disk_before_201(record: ServedRecord, tmp_path: Path):
    client, ledger = FhirClient.register(record), Ledger("creates")
    client.get("/fhir/Basic")  # the token and its own writes are not what is looked at
    with traced(record.family("web-1"), tmp_path / "trace"):
        for number in range(3):
            code = f"traced-{number}"
            ledger.intend(code)
            made = client.request("POST", "/fhir/Basic", json={"resourceType": "Basic", "code": {"text": code}})
            assert made.status_code == 201
    found = calls(tmp_path / "trace")
    for code in ledger.intents:
        steps = between(found, str(code), "HTTP/1.1 201")
        assert is_log_synced(steps) or is_commit_confirmed(steps), f"{code} was answered before its commit"


def test_the_database_promises_what_it_is_asked_to(record: ServedRecord):
    database = Database(record.database)
    with database.read() as connection:
        if database.is_sqlite:
            found = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("synchronous", "journal_mode")
            ]
            assert found == [2, "wal"]  # FULL
        else:
            names = ("synchronous_commit", "fsync", "full_page_writes")
            assert [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names] == ["on"] * 3
    database.close()
    assert eventually(record.is_ready, "still ready")
