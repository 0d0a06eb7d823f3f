"""Periodic jobs on both databases: one process at a time, again after failures, taken over from the dead."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from fhir_server.jobs.housekeeping import make_housekeeping_jobs
from fhir_server.jobs.periodic import PeriodicJob, run_jobs
from fhir_server.storage.database import Database
from fhir_server.storage.migrate import migrate
from fhir_server.storage.periodic_jobs import JobState, read_jobs
from fhir_server.storage.tables.job import periodic_job
from fhir_server.storage.unit_of_work import Storage

POLL_S = 0.02

HOLDER_THAT_IS_KILLED = """
import sys, threading, time
from fhir_server.jobs.periodic import PeriodicJob, run_jobs
from fhir_server.storage.database import Database
from fhir_server.storage.unit_of_work import Storage

def work(stop):
    print("running", flush=True)
    time.sleep(60)

run_jobs(Storage(Database(sys.argv[1])), [PeriodicJob("held", 0.1, work, lease_s=1.5)], threading.Event(), poll_s=0.05)
"""


@pytest.fixture(scope="module")
def _module_storage(database_url: str) -> Iterator[Storage]:
    database = Database(database_url)
    migrate(database)
    yield Storage(database)
    database.close()


@pytest.fixture
def storage(_module_storage: Storage) -> Storage:
    """A store without jobs."""
    _module_storage.database.write(lambda connection: connection.execute(delete(periodic_job)))
    return _module_storage


class _Running:
    """Schedulers in threads, as so many processes would run them."""

    def __init__(self, storage: Storage, *jobs: PeriodicJob, schedulers: int = 1) -> None:
        self._stop = threading.Event()
        arguments = (storage, jobs, self._stop)
        self._threads = [
            threading.Thread(target=run_jobs, args=arguments, kwargs={"poll_s": POLL_S}) for _ in range(schedulers)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in self._threads)


def _wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _state(storage: Storage, name: str) -> JobState:
    with storage.database.read() as connection:
        return read_jobs(connection, [name])[0]


def test_job_runs_again_and_again(storage: Storage) -> None:
    runs: list[float] = []
    with _Running(storage, PeriodicJob("tick", 0.05, lambda _stop: runs.append(time.monotonic()))):
        _wait_for(lambda: len(runs) >= 3)
    state = _state(storage, "tick")
    assert (state.holder, state.failures, state.problem) == (None, 0, "")


def test_job_runs_in_one_scheduler_at_a_time(storage: Storage) -> None:
    inside = threading.Semaphore(1)
    overlaps: list[str] = []
    runs: list[int] = []

    def work(_stop: threading.Event) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append("two at once")
            return
        time.sleep(0.05)
        runs.append(1)
        inside.release()

    with _Running(storage, PeriodicJob("alone", 0.01, work), schedulers=4):
        _wait_for(lambda: len(runs) >= 8)
    assert overlaps == []


def test_slow_job_does_not_hold_up_the_others(storage: Storage) -> None:
    ticks: list[int] = []
    slow = PeriodicJob("slow", 60, lambda stop: stop.wait(30))
    with _Running(storage, slow, PeriodicJob("fast", 0.01, lambda _stop: ticks.append(1))):
        _wait_for(lambda: len(ticks) >= 3)


def test_lease_is_renewed_while_a_long_job_runs(storage: Storage) -> None:
    runs: list[int] = []

    def work(stop: threading.Event) -> None:
        runs.append(1)
        stop.wait(1.5)

    with _Running(storage, PeriodicJob("long", 60, work, lease_s=0.4), schedulers=2):
        _wait_for(lambda: runs)
        time.sleep(1.2)
        assert len(runs) == 1


def test_failing_job_is_tried_again_later_each_time(storage: Storage) -> None:
    def fail(_stop: threading.Event) -> None:
        raise RuntimeError("Patient John Example cannot be filed")

    with _Running(storage, PeriodicJob("failing", 0.01, fail)):
        _wait_for(lambda: _state_or_none(storage, "failing") and _state(storage, "failing").failures >= 2)
    state = _state(storage, "failing")
    assert state.problem == "RuntimeError"
    assert state.finished is not None
    assert state.next_run - state.finished > 1_000_000


def test_success_forgets_earlier_failures(storage: Storage) -> None:
    outcomes = iter([RuntimeError(), None])

    def work(_stop: threading.Event) -> None:
        if (error := next(outcomes, None)) is not None:
            raise error

    with _Running(storage, PeriodicJob("healing", 0.01, work)):
        _wait_for(lambda: _state_or_none(storage, "healing") and _state(storage, "healing").failures == 1)
        _wait_for(lambda: _state(storage, "healing").failures == 0)
    assert _state(storage, "healing").problem == ""


def _state_or_none(storage: Storage, name: str) -> JobState | None:
    with storage.database.read() as connection:
        return next(iter(read_jobs(connection, [name])), None)


def test_stopping_tells_the_running_job_and_waits_for_it(storage: Storage) -> None:
    ended: list[str] = []
    began = threading.Event()

    def work(stop: threading.Event) -> None:
        began.set()
        stop.wait(30)
        ended.append("orderly")

    with _Running(storage, PeriodicJob("orderly", 60, work)):
        assert began.wait(10)
    assert ended == ["orderly"]
    assert _state(storage, "orderly").holder is None


def test_job_whose_lease_was_taken_is_told_to_stop(storage: Storage) -> None:
    told = threading.Event()

    def work(stop: threading.Event) -> None:
        if stop.wait(10):
            told.set()

    with _Running(storage, PeriodicJob("taken", 60, work, lease_s=0.3)):
        _wait_for(lambda: _state_or_none(storage, "taken") and _state(storage, "taken").holder)
        steal = update(periodic_job).values(holder="another")
        storage.database.write(lambda connection: connection.execute(steal))
        assert told.wait(5)


def test_killed_process_loses_its_job_to_another(storage: Storage, database_url: str) -> None:
    command = [sys.executable, "-c", HOLDER_THAT_IS_KILLED, database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "running\n"
        runs: list[float] = []
        with _Running(storage, PeriodicJob("held", 60, lambda _stop: runs.append(time.monotonic()))):
            time.sleep(2)
            assert runs == []
            holder.send_signal(signal.SIGKILL)
            _wait_for(lambda: runs, 10)


def test_housekeeping_files_disclosures_and_makes_partitions(storage: Storage, tmp_path: Path) -> None:
    from fhir_server.audit.spool import DisclosureSpool
    from tests.unit.audit.make import make_disclosure

    DisclosureSpool(tmp_path, "web").append(make_disclosure())
    with _Running(storage, *make_housekeeping_jobs(storage, tmp_path)):
        _wait_for(lambda: _count(storage) == 1)
        _wait_for(lambda: _state(storage, "partitions").finished)
    assert _state(storage, "partitions").problem == ""


def _count(storage: Storage) -> int:
    with storage.database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM disclosure")).scalar_one())
