"""Time partitions on PostgreSQL of every table whose info has "partition_by" (design decision 5).

Each table is split by a column of microseconds UTC into years or months, made ahead of time by a job. A default
partition takes what fits no other, so a write never fails for want of a partition; what it took is moved to its own
partition when that is made. SQLite keeps one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, MetaData, Table, text

from fhir_server.fhir.instants import instant_of

_YEARLY = {"resource_version"}
_PERIODS_AHEAD = 2


@dataclass(frozen=True)
class Partition:
    """Rows of `table` with `low` <= column < `high`."""

    table: str
    column: str
    name: str
    low: int
    high: int

    @property
    def condition(self) -> str:
        return f"{self.column} >= {self.low} AND {self.column} < {self.high}"


def partition_column(table: Table) -> str | None:
    """The column that the table is split by, or None."""
    column: str | None = table.info.get("partition_by")
    return column


def ensure_partitions(connection: Connection, metadata: MetaData, now: int) -> list[str]:
    """Make the partitions around `now` that are missing; their names. Nothing to do on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    made = []
    for table in metadata.sorted_tables:
        column = partition_column(table)
        if column is not None:
            made += _ensure_default(connection, table.name)
            made += [p.name for p in due_partitions(table.name, column, now) if _ensure(connection, p)]
    return made


def due_partitions(table: str, column: str, now: int) -> list[Partition]:
    """The partition of the period before `now`, of the present one and of the next two."""
    yearly = table in _YEARLY
    moment = datetime.fromtimestamp(now // 1_000_000, UTC)
    first = moment.year if yearly else moment.year * 12 + moment.month - 1
    return [_partition(table, column, period, yearly=yearly) for period in range(first - 1, first + _PERIODS_AHEAD + 1)]


def _partition(table: str, column: str, period: int, *, yearly: bool) -> Partition:
    suffix = f"{period:04d}" if yearly else f"{period // 12:04d}_{period % 12 + 1:02d}"
    low, high = _start(period, yearly=yearly), _start(period + 1, yearly=yearly)
    return Partition(table, column, f"{table}_{suffix}", low, high)


def _start(period: int, *, yearly: bool) -> int:
    year, month = (period, 1) if yearly else (period // 12, period % 12 + 1)
    return instant_of(datetime(year, month, 1, tzinfo=UTC))


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None


def _ensure_default(connection: Connection, table: str) -> list[str]:
    name = f"{table}_default"
    if _exists(connection, name):
        return []
    connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} DEFAULT"))
    return [name]


def _ensure(connection: Connection, partition: Partition) -> bool:
    """Make one partition beside the table and attach it, which stops neither readers nor writers of the others."""
    if _exists(connection, partition.name):
        return False
    default = f"{partition.table}_default"
    for statement in (
        f"CREATE TABLE {partition.name} (LIKE {partition.table} INCLUDING ALL)",
        f"WITH strays AS (DELETE FROM {default} WHERE {partition.condition} RETURNING *) "  # noqa: S608
        f"INSERT INTO {partition.name} SELECT * FROM strays",
        f"ALTER TABLE {partition.table} ATTACH PARTITION {partition.name} "
        f"FOR VALUES FROM ({partition.low}) TO ({partition.high})",
    ):
        connection.execute(text(statement))
    return True
