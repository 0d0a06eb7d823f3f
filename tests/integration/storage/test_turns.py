"""Writers of an SQLite file take turns over threads and processes; nobody who writes without pause holds them up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fhir_server.errors import Unavailable
from fhir_server.storage.turns import WriterTurns

_GREEDY = """
import sys, time
from fhir_server.storage.turns import WriterTurns
turns = WriterTurns(sys.argv[1], 60)
while True:
    with turns:
        print(flush=True)
        time.sleep(0.05)
"""


def test_process_that_comes_again_at_once_lets_others_in(tmp_path: Path):
    file = str(tmp_path / "record.db")
    greedy = subprocess.Popen([sys.executable, "-c", _GREEDY, file], stdout=subprocess.PIPE)
    assert greedy.stdout is not None
    greedy.stdout.readline()
    turns, began = WriterTurns(file, 60), time.monotonic()
    for _ in range(5):
        with turns:
            pass
    greedy.kill()
    greedy.wait()
    assert time.monotonic() - began < 5, "five turns of 50 ms each lie before ours, not a hundred"
    assert greedy.stdout.read().count(b"\n") <= 12


def test_death_of_the_holder_ends_its_turn(tmp_path: Path):
    file = str(tmp_path / "record.db")
    hold = _GREEDY.replace("0.05", "600")
    holder = subprocess.Popen([sys.executable, "-c", hold, file], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    with WriterTurns(file, 10):
        holder.wait()


def test_turn_that_does_not_end_makes_the_next_unavailable(tmp_path: Path):
    turns = WriterTurns(str(tmp_path / "record.db"), 0.05)
    with turns, pytest.raises(Unavailable), turns:
        pass


def test_threads_of_one_process_exclude_each_other(tmp_path: Path):
    turns, inside = WriterTurns(str(tmp_path / "record.db"), 60), []

    def write() -> None:
        for _ in range(20):
            with turns:
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside
