"""The disclosure spool: one line an answer, chained, in files that rotate."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fhir_server.audit.chain import SpoolLine, decode_disclosure, decode_line, first_link, next_link
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.errors import Unavailable
from tests.unit.audit.make import make_disclosure


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.spool"))


def _lines(directory: Path) -> list[SpoolLine]:
    return [decode_line(line) for file in _files(directory) for line in file.read_bytes().splitlines()]


def _writer(file: Path) -> str:
    return file.name.rsplit(".", 2)[0]


def _assert_chained(directory: Path) -> None:
    link = first_link(_writer(_files(directory)[0]))
    for number, line in enumerate(_lines(directory)):
        link = next_link(link, bytes(line.disclosure))
        assert (line.position, line.chain) == (number, link.hex())


def test_appended_disclosure_can_be_read_back(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web")
    spool.append(make_disclosure(7, query="name=O'Neill\n&x=☃"))
    [line] = _lines(tmp_path)
    assert decode_disclosure(line.disclosure) == make_disclosure(7, query="name=O'Neill\n&x=☃")


def test_query_of_undecodable_bytes_is_kept_as_escapes(tmp_path: Path) -> None:
    sent = b"name=\xff\xfe%00".decode("utf-8", "surrogateescape")
    DisclosureSpool(tmp_path, "web").append(make_disclosure(query=sent))
    [line] = _lines(tmp_path)
    assert decode_disclosure(line.disclosure).query == "name=\\udcff\\udcfe%00"


def test_file_is_named_after_writer_and_process_and_private(tmp_path: Path) -> None:
    DisclosureSpool(tmp_path, "web").append(make_disclosure())
    [file] = _files(tmp_path)
    assert file.name.startswith(f"web-{os.getpid()}-")
    assert file.stat().st_mode & 0o777 == 0o600


def test_lines_of_many_threads_are_whole_and_chained(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web")

    def append_many() -> None:
        for number in range(200):
            spool.append(make_disclosure(number))

    threads = [threading.Thread(target=append_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_lines(tmp_path)) == 1600
    _assert_chained(tmp_path)


def test_chain_runs_on_through_rotated_files(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web", segment_bytes=2000)
    for number in range(20):
        spool.append(make_disclosure(number))
    assert len(_files(tmp_path)) > 3
    _assert_chained(tmp_path)


def test_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web")
    spool.append(make_disclosure(1))
    child = os.fork()
    if child == 0:
        spool.append(make_disclosure(2))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool.append(make_disclosure(3))
    positions = {
        file.name: [decode_line(x).position for x in file.read_bytes().splitlines()] for file in _files(tmp_path)
    }
    assert sorted(positions.values()) == [[0], [0, 1]]


def test_folder_that_cannot_be_written_refuses_the_answer(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        DisclosureSpool(tmp_path / "spool", "web").append(make_disclosure())


def test_torn_line_is_taken_off_and_chain_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = DisclosureSpool(tmp_path, "web")
    spool.append(make_disclosure(1))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr("fhir_server.audit.spool.os.write", lambda file, line: write(file, line[:40]))
        with pytest.raises(Unavailable):
            spool.append(make_disclosure(2))
    spool.append(make_disclosure(3))
    assert [decode_disclosure(line.disclosure).request_id for line in _lines(tmp_path)] == ["q1", "q3"]
    _assert_chained(tmp_path)


def test_spool_goes_on_in_a_new_file_after_a_failed_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = DisclosureSpool(tmp_path, "web", sync_s=3600)
    spool.append(make_disclosure(1))

    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("fhir_server.audit.spool.os.fdatasync", fail)
        spool.sync()
    spool.append(make_disclosure(2))
    assert len(_files(tmp_path)) == 2
    _assert_chained(tmp_path)


def test_closed_spool_begins_anew(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web")
    spool.append(make_disclosure(1))
    spool.close()
    spool.append(make_disclosure(2))
    assert [line.position for line in _lines(tmp_path)] == [0, 0]


def test_check_tells_the_room_that_is_left(tmp_path: Path) -> None:
    spool = DisclosureSpool(tmp_path, "web")
    assert spool.check() > 0
    spool.append(make_disclosure())
    assert len(_files(tmp_path)) == 1


def test_check_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        DisclosureSpool(tmp_path / "spool", "web").check()
