"""Run named periodic jobs, each in one process at a time, whatever number of processes offers to (design decision 18).

A process runs a job while it holds its lease in the database. It renews the lease as long as it lives; when it is
killed, the lease runs out and another process takes over. A job that fails is tried again after a growing pause.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_server import metrics
from fhir_server.errors import Unavailable
from fhir_server.logs import event
from fhir_server.storage.periodic_jobs import (
    Connection,
    JobState,
    add_jobs,
    claim_job,
    finish_job,
    read_clock,
    read_jobs,
    renew_lease,
)
from fhir_server.storage.unit_of_work import Storage

LEASE_S = 15.0
_POLL_S = 0.5
_PAUSE_MAX_S = 300.0
_JITTER = 0.1

_FAILED = event("jobs.failed", "A background job failed.", "job", "attempt", "delay_s", level=40)
_LEASE_LOST = event("jobs.lease-lost", "A job's lease ran out while it was running here.", "job", level=30)
_WAITING = event("jobs.waiting", "The database does not answer; no job starts.", level=30)


@dataclass(frozen=True)
class PeriodicJob:
    """Work to be done every `interval_s` seconds, counted from the end of a run.

    `run` gets an event that is set when it should come to an end: the process stops, or another has taken the job.
    """

    name: str
    interval_s: float
    run: Callable[[threading.Event], object]
    lease_s: float = LEASE_S


@dataclass
class _Run:
    """One run of a job in this process."""

    job: PeriodicJob
    failures: int
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    renew_at: float = 0.0


def run_jobs(storage: Storage, jobs: Sequence[PeriodicJob], stop: threading.Event, *, poll_s: float = _POLL_S) -> None:
    """Run the jobs whenever they are due, until `stop` is set and the last run has come to its end."""
    Scheduler(storage, jobs).run(stop, poll_s)


class Scheduler:
    """Claims what is due, runs each job in a thread of its own, and renews their leases."""

    def __init__(self, storage: Storage, jobs: Sequence[PeriodicJob]) -> None:
        self._database = storage.database
        self._jobs = {job.name: job for job in jobs}
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._runs: dict[str, _Run] = {}
        self._known = False
        self._is_waiting = False

    def run(self, stop: threading.Event, poll_s: float) -> None:
        while not stop.wait(poll_s):
            self._tick()
        for run in self._runs.values():
            run.stop.set()
        while any(run.thread is not None and run.thread.is_alive() for run in self._runs.values()):
            self._tick(start=False)
            time.sleep(poll_s / 5)

    def _tick(self, *, start: bool = True) -> None:
        """One look at leases and at what is due; the database may be away for a while."""
        try:
            self._renew_leases()
            if start:
                self._start_due()
            self._is_waiting = False
        except Unavailable:
            if not self._is_waiting:
                _WAITING()
            self._is_waiting = True

    def _start_due(self) -> None:
        if not self._known:
            self._database.write(lambda connection: add_jobs(connection, self._jobs))
            self._known = True
        with self._database.read() as connection:
            now = read_clock(connection)
            due = [state for state in read_jobs(connection, list(self._jobs)) if state.is_due(now)]
        for state in due:
            if not self._is_running(state.name):
                self._claim(state, now)

    def _is_running(self, name: str) -> bool:
        run = self._runs.get(name)
        return run is not None and run.thread is not None and run.thread.is_alive()

    def _claim(self, state: JobState, now: int) -> None:
        job = self._jobs[state.name]
        until = now + int(job.lease_s * 1e6)
        if self._database.write(lambda connection: claim_job(connection, job.name, self._holder, now, until)):
            run = _Run(job, state.failures, renew_at=time.monotonic() + job.lease_s / 3)
            run.thread = threading.Thread(target=self._work, args=(run,), name=f"job-{job.name}", daemon=True)
            self._runs[job.name] = run
            run.thread.start()

    def _renew_leases(self) -> None:
        for run in self._runs.values():
            if self._is_running(run.job.name) and time.monotonic() >= run.renew_at:
                self._renew(run)

    def _renew(self, run: _Run) -> None:
        name, lease_us = run.job.name, int(run.job.lease_s * 1e6)
        kept = self._database.write(
            lambda connection: renew_lease(connection, name, self._holder, read_clock(connection) + lease_us)
        )
        run.renew_at = time.monotonic() + run.job.lease_s / 3
        if not kept and self._is_running(name) and not run.stop.is_set():
            _LEASE_LOST(job=name)
            run.stop.set()

    def _work(self, run: _Run) -> None:
        began = time.monotonic()
        problem: Exception | None = None
        try:
            run.job.run(run.stop)
        except Exception as error:  # noqa: BLE001  (whatever a job raises, the next run must come)
            problem = error
        delay = next_delay(run.job, run.failures, failed=problem is not None)
        metrics.observe_job(run.job.name, "retry" if problem else "done", time.monotonic() - began)
        if problem is not None:
            _FAILED(job=run.job.name, attempt=run.failures + 1, delay_s=round(delay, 1), exc=problem)
        self._finish(run, delay, type(problem).__name__ if problem else "")

    def _finish(self, run: _Run, delay: float, problem: str) -> None:
        """Give the lease back. If the database is away it runs out by itself, and the job is due again."""
        try:
            self._database.write(lambda connection: self._finish_in_tx(connection, run.job.name, delay, problem))
        except Unavailable:
            _WAITING()

    def _finish_in_tx(self, connection: Connection, name: str, delay: float, problem: str) -> None:
        now = read_clock(connection)
        next_run = now + int(delay * 1e6)
        finish_job(connection, name, self._holder, finished=now, next_run=next_run, problem=problem)


def next_delay(job: PeriodicJob, failures: int, *, failed: bool) -> float:
    """Seconds to the next run: the interval, or longer with each failure in a row (`failures` before this one)."""
    seconds = job.interval_s
    if failed:
        seconds = min(max(seconds, 1.0) * 2 ** min(failures, 16), max(seconds, _PAUSE_MAX_S))
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
