"""The repository of periodic jobs: when each is due, and the lease under which one process runs it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from fhir_server.storage.tables.job import periodic_job

__all__ = ["Connection", "JobState"]

_COLUMNS = periodic_job.c


@dataclass(frozen=True)
class JobState:
    """One periodic job as the database knows it; times are microseconds UTC by the database's clock.

    `failures` are those in a row, `problem` the class of the last error. `holder` has the lease until `lease_until`.
    """

    name: str
    next_run: int
    holder: str | None
    lease_until: int
    started: int | None
    finished: int | None
    failures: int
    problem: str

    def is_due(self, now: int) -> bool:
        return self.next_run <= now and self.lease_until <= now


def read_clock(connection: Connection) -> int:
    """Microseconds UTC by the one clock that all processes share: PostgreSQL's, or this machine's for SQLite."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    statement = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return int(connection.execute(statement).scalar_one())


def add_jobs(connection: Connection, names: Iterable[str]) -> None:
    """Make the jobs known that are not yet; they are due at once."""
    known = {state.name for state in read_jobs(connection)}
    now = read_clock(connection)
    for name in sorted(set(names) - known):
        values = {"name": name, "next_run": now, "lease_until": 0, "failures": 0, "problem": ""}
        connection.execute(insert(periodic_job), values)


def read_jobs(connection: Connection, names: Sequence[str] | None = None) -> list[JobState]:
    """The jobs of these names (None: all), in order of name."""
    statement = select(*[_COLUMNS[name] for name in JobState.__dataclass_fields__]).order_by(_COLUMNS.name)
    if names is not None:
        statement = statement.where(_COLUMNS.name.in_(names))
    return [JobState(*row) for row in connection.execute(statement)]


def claim_job(connection: Connection, name: str, holder: str, now: int, lease_until: int) -> bool:
    """Take the lease of a job that is due and that nobody holds; exactly one claimant gets it."""
    where = (_COLUMNS.name == name, _COLUMNS.next_run <= now, _COLUMNS.lease_until <= now)
    values = {"holder": holder, "lease_until": lease_until, "started": now}
    return connection.execute(update(periodic_job).where(*where).values(values)).rowcount == 1


def renew_lease(connection: Connection, name: str, holder: str, lease_until: int) -> bool:
    """Keep a lease; False when it ran out and another took it, or it was given back."""
    return _change(connection, name, holder, {"lease_until": lease_until})


def finish_job(connection: Connection, name: str, holder: str, *, finished: int, next_run: int, problem: str) -> bool:
    """Give the lease back after a run; `problem` is empty for success. False when the lease was lost meanwhile."""
    values = {"holder": None, "lease_until": 0, "finished": finished, "next_run": next_run, "problem": problem}
    failures: Any = _COLUMNS.failures + 1 if problem else 0
    return _change(connection, name, holder, values | {"failures": failures})


def _change(connection: Connection, name: str, holder: str, values: dict[str, Any]) -> bool:
    where = (_COLUMNS.name == name, _COLUMNS.holder == holder)
    return connection.execute(update(periodic_job).where(*where).values(values)).rowcount == 1
