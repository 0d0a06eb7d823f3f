"""Filing on both databases: every answered disclosure is in the store exactly once, and tampering shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

from fhir_server.audit.chain import decode_disclosure
from fhir_server.audit.checkpoint import KEY_FILE, load_signing_key
from fhir_server.audit.disclosure import DisclosedVersion
from fhir_server.audit.filing import file_spools
from fhir_server.audit.recording import record_in_tx
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.audit.verification import verify_chain
from fhir_server.errors import Unavailable
from fhir_server.storage.tables.disclosure import disclosed_version, disclosure, disclosure_checkpoint
from fhir_server.storage.unit_of_work import Storage
from tests.unit.audit.make import make_disclosure

KILLED_WRITER = """
import sys
from pathlib import Path
from fhir_server.audit.spool import DisclosureSpool
from tests.unit.audit.make import make_disclosure
spool = DisclosureSpool(Path(sys.argv[1]), "web", segment_bytes=20_000)
number = 0
while True:
    spool.append(make_disclosure(number))
    print(number, flush=True)
    number += 1
"""


KILLED_FILER = """
import sys
from pathlib import Path
from fhir_server.audit.filing import file_spools
from fhir_server.storage.database import Database
from fhir_server.storage.unit_of_work import Storage
storage = Storage(Database(sys.argv[1]))
print("filing", flush=True)
while True:
    file_spools(storage, Path(sys.argv[2]))
"""


def _request_ids(storage: Storage) -> list[str]:
    with storage.database.read() as connection:
        payloads = connection.execute(select(disclosure.c.payload).order_by(disclosure.c.recorded)).scalars()
        return [decode_disclosure(payload).request_id for payload in payloads]


def _spool_some(directory: Path, count: int, first: int = 0) -> DisclosureSpool:
    spool = DisclosureSpool(directory, "web")
    for number in range(first, first + count):
        spool.append(make_disclosure(number))
    return spool


def test_spooled_disclosures_are_filed_once(storage: Storage, directory: Path) -> None:
    spool = _spool_some(directory, 3)
    assert file_spools(storage, directory) == 3
    assert file_spools(storage, directory) == 0
    spool.append(make_disclosure(3))
    assert file_spools(storage, directory) == 1
    assert _request_ids(storage) == ["q0", "q1", "q2", "q3"]


def test_file_of_a_living_writer_stays_and_that_of_a_dead_one_goes(storage: Storage, directory: Path) -> None:
    living = _spool_some(directory, 1)
    dead = _spool_some(directory, 1, first=1)
    dead.close()
    file_spools(storage, directory)
    assert len(list(directory.glob("*.spool"))) == 1
    living.append(make_disclosure(2))
    assert file_spools(storage, directory) == 1
    assert len(_request_ids(storage)) == 3


def test_rotated_files_are_filed_in_order_and_removed(storage: Storage, directory: Path) -> None:
    spool = DisclosureSpool(directory, "web", segment_bytes=3000)
    for number in range(50):
        spool.append(make_disclosure(number))
    assert len(list(directory.glob("*.spool"))) > 5
    assert file_spools(storage, directory) == 50
    assert len(list(directory.glob("*.spool"))) == 1
    assert verify_chain(storage).problems == []


def test_every_version_is_filed_with_every_patient_it_is_about(storage: Storage, directory: Path) -> None:
    entries = (
        DisclosedVersion("Task", "t1", 2, ("p1", "p2")),
        DisclosedVersion("Organization", "o1", 1),
    )
    DisclosureSpool(directory, "web").append(make_disclosure(entries=entries))
    file_spools(storage, directory)
    columns = disclosed_version.c
    with storage.database.read() as connection:
        rows = connection.execute(
            select(columns.resource_type, columns.version_id, columns.patient_id).order_by(columns.ordinal)
        ).all()
    assert [tuple(row) for row in rows] == [("Task", 2, "p1"), ("Task", 2, "p2"), ("Organization", 1, None)]


def test_write_is_accounted_for_in_its_own_transaction(storage: Storage, directory: Path) -> None:
    storage.database.write(lambda connection: record_in_tx(connection, make_disclosure(1, action="C")))

    def fail(connection: Connection) -> None:
        record_in_tx(connection, make_disclosure(2, action="U"))
        raise RuntimeError("the write fails")

    with pytest.raises(RuntimeError):
        storage.database.write(fail)
    assert file_spools(storage, directory) == 1
    assert _request_ids(storage) == ["q1"]
    assert verify_chain(storage).problems == []


def test_killed_writer_loses_nothing_that_was_answered(storage: Storage, directory: Path) -> None:
    command = [sys.executable, "-c", KILLED_WRITER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        deadline = time.monotonic() + 1
        filed = 0
        while time.monotonic() < deadline:
            filed += file_spools(storage, directory)
            time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
        answered = [0, *(int(line) for line in writer.stdout if line.endswith("\n"))]
    filed += file_spools(storage, directory)
    found = _request_ids(storage)
    assert len(found) == len(set(found)) == filed
    assert {f"q{number}" for number in answered} <= set(found)
    assert verify_chain(storage).problems == []
    assert list(directory.glob("*.spool")) == []


def test_killed_filer_files_nothing_twice(storage: Storage, directory: Path) -> None:
    spool = _spool_some(directory, 1)
    url = storage.database.url.render_as_string(hide_password=False)
    count = 1
    for _round in range(3):
        command = [sys.executable, "-c", KILLED_FILER, url, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as filer:
            assert filer.stdout is not None
            assert filer.stdout.readline() == "filing\n"
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                for _line in range(20):
                    spool.append(make_disclosure(count))
                    count += 1
                time.sleep(0.005)
            filer.send_signal(signal.SIGKILL)
    file_spools(storage, directory)
    assert sorted(_request_ids(storage)) == sorted(f"q{number}" for number in range(count))
    assert verify_chain(storage).problems == []


def test_spool_that_cannot_be_read_is_unavailable(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "web-1-1.000000.spool").mkdir()
    with pytest.raises(Unavailable):
        file_spools(storage, tmp_path)


def test_torn_line_of_a_dead_writer_is_not_filed(storage: Storage, directory: Path) -> None:
    _spool_some(directory, 2).close()
    [file] = directory.glob("*.spool")
    file.write_bytes(file.read_bytes()[:-10])
    assert file_spools(storage, directory) == 1
    assert verify_chain(storage).problems == []
    assert list(directory.glob("*.spool")) == []


def test_filers_at_once_file_each_line_once(storage: Storage, directory: Path) -> None:
    spools = [_spool_some(directory, 200, first=200 * n) for n in range(3)]
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(file_spools(storage, directory))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 600
    assert len(set(_request_ids(storage))) == 600
    assert verify_chain(storage).problems == []
    for spool in spools:
        spool.close()


def test_more_than_a_batch_is_filed_whole(storage: Storage, directory: Path) -> None:
    spool = DisclosureSpool(directory, "web")
    entries = tuple(DisclosedVersion("DiagnosticReport", f"r{n}", 1, ("p1",)) for n in range(300))
    for number in range(300):
        spool.append(make_disclosure(number, entries=entries))
    assert file_spools(storage, directory) == 300
    report = verify_chain(storage)
    assert (report.disclosures, report.problems) == (300, [])
    assert report.checkpoints > 1


def test_signing_key_is_private_to_its_owner(storage: Storage, directory: Path) -> None:
    _spool_some(directory, 1)
    file_spools(storage, directory)
    assert (directory / KEY_FILE).stat().st_mode & 0o777 == 0o600
    trusted = load_signing_key(directory).public_key().public_bytes_raw()
    assert verify_chain(storage, [trusted]).problems == []
    assert verify_chain(storage, [b"another key"]).problems == ["checkpoint 1: not signed by a trusted key"]


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (update(disclosure).where(disclosure.c.position == 1).values(payload=b"{}"), "does not follow"),
        (update(disclosure).where(disclosure.c.position == 1).values(caller_id="nobody"), "columns differ"),
        (delete(disclosure).where(disclosure.c.position == 1), "disclosures 1 to 1 are missing"),
        (delete(disclosure).where(disclosure.c.position == 2), "missing from here on"),
        (delete(disclosed_version).where(disclosed_version.c.position == 1), "columns differ"),
        (update(disclosed_version).values(patient_id="p9"), "columns differ"),
        (update(disclosure_checkpoint).values(signature=b"x" * 64), "not signed"),
        (text("UPDATE spool_position SET position = 2"), ""),
        (text("DELETE FROM spool_position"), "gone from the store"),
    ],
)
def test_tampering_with_the_store_shows(storage: Storage, directory: Path, tamper: object, problem: str) -> None:
    _spool_some(directory, 3)
    file_spools(storage, directory)
    assert verify_chain(storage).problems == []
    storage.database.write(lambda connection: connection.execute(tamper))  # type: ignore[call-overload]
    problems = verify_chain(storage).problems
    assert any(problem in found for found in problems) if problem else problems == []


def test_chain_that_was_made_again_shows_in_the_checkpoint(storage: Storage, directory: Path) -> None:
    _spool_some(directory, 2)
    file_spools(storage, directory)
    _rewrite_whole_chain(storage)
    assert any("not what the checkpoint signed" in problem for problem in verify_chain(storage).problems)


def _rewrite_whole_chain(storage: Storage) -> None:
    from fhir_server.audit.chain import encode_disclosure, first_link, next_link
    from fhir_server.storage.disclosures import read_positions

    with storage.database.read() as connection:
        [writer] = read_positions(connection)
    link = first_link(writer)
    for number in range(2):
        payload = encode_disclosure(make_disclosure(number, caller_name="Somebody Else"))
        link = next_link(link, payload)
        change = update(disclosure).where(disclosure.c.position == number).values(payload=payload, chain=link)
        storage.database.write(lambda connection, change=change: connection.execute(change))


def test_changed_spool_line_is_filed_and_reported(storage: Storage, directory: Path) -> None:
    _spool_some(directory, 3).close()
    [file] = directory.glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b'"q1"', b'"qX"'))
    assert file_spools(storage, directory) == 3
    assert verify_chain(storage).problems != []


def test_line_that_is_no_disclosure_is_put_aside(storage: Storage, directory: Path) -> None:
    _spool_some(directory, 2).close()
    [file] = directory.glob("*.spool")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b"rubbish\n" + lines[1])
    assert file_spools(storage, directory) == 2
    [damaged] = directory.glob("*.damaged")
    assert damaged.read_bytes() == b"rubbish\n"


def test_full_disk_refuses_the_answer_and_keeps_what_was_answered(storage: Storage, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        spool = DisclosureSpool(small, "web")
        answered = 0
        with pytest.raises(Unavailable):
            while True:
                spool.append(make_disclosure(answered))
                answered += 1
        with pytest.raises(Unavailable):
            spool.append(make_disclosure(answered))
        assert file_spools(storage, small) == answered > 50
        assert verify_chain(storage).problems == []
        spool.close()
        file_spools(storage, small)
        spool.append(make_disclosure(answered))
        spool.close()
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)
