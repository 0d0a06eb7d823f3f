"""The repository of the audit store: disclosures as filed, the writers' positions, the checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from fhir_server.storage.bulk import insert_rows
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.tables.disclosure import (
    disclosed_version,
    disclosure,
    disclosure_checkpoint,
    spool_position,
    written_disclosure,
)

__all__ = ["CheckpointRow", "Connection", "DisclosureRow", "VersionRow", "WriterPosition"]

_CHUNK = 2000


class VersionRow(NamedTuple):
    """One disclosed version and one patient whom it is about (None: nobody)."""

    resource_type: str
    resource_id: str
    version_id: int
    patient_id: str | None


class DisclosureRow(NamedTuple):
    """One filed disclosure; `payload` is what the chain covers, the columns before it are copied out of it."""

    recorded: int
    writer_number: int
    position: int
    interaction: str
    action: str
    outcome: str
    caller_id: str
    payload: bytes
    chain: bytes
    versions: tuple[VersionRow, ...] = ()


@dataclass(frozen=True)
class WriterPosition:
    """How far one writer has been filed: its next line is at `offset` of `segment`, has `position`, follows `chain`."""

    writer_number: int
    writer: str
    segment: int
    offset: int
    position: int
    chain: bytes
    updated: int


@dataclass(frozen=True)
class CheckpointRow:
    """One signed statement about the writers' chains."""

    checkpoint_number: int
    recorded: int
    statement: bytes
    public_key: bytes
    signature: bytes


#: The columns of `disclosure` in the order of DisclosureRow.
_COLUMNS = DisclosureRow._fields[:-1]


def add_written(connection: Connection, payload: bytes) -> None:
    """Keep the disclosure of a write in the write's own transaction; filing chains it."""
    values = {"disclosure_id": new_resource_id(), "payload": payload}
    connection.execute(insert(written_disclosure), values)


def take_written(connection: Connection, limit: int) -> list[bytes]:
    """Remove and return the payloads of committed writes, oldest first."""
    oldest = select(written_disclosure.c.disclosure_id).order_by(written_disclosure.c.disclosure_id).limit(limit)
    statement = (
        delete(written_disclosure)
        .where(written_disclosure.c.disclosure_id.in_(oldest))
        .returning(written_disclosure.c.disclosure_id, written_disclosure.c.payload)
    )
    return [row.payload for row in sorted(connection.execute(statement).all())]


def has_written(connection: Connection) -> bool:
    """Whether disclosures of writes wait to be filed."""
    return connection.execute(select(written_disclosure.c.disclosure_id).limit(1)).first() is not None


def read_positions(connection: Connection) -> dict[str, WriterPosition]:
    """Every writer's position, by name."""
    rows = connection.execute(select(*[spool_position.c[f] for f in WriterPosition.__dataclass_fields__]))
    return {row.writer: WriterPosition(*row) for row in rows}


def save_position(connection: Connection, position: WriterPosition) -> None:
    values = {name: getattr(position, name) for name in WriterPosition.__dataclass_fields__}
    where = spool_position.c.writer_number == position.writer_number
    if connection.execute(update(spool_position).where(where).values(values)).rowcount == 0:
        connection.execute(insert(spool_position), values)


def add_disclosures(connection: Connection, rows: Sequence[DisclosureRow]) -> None:
    """Insert disclosures and their versions in bulk."""
    insert_rows(connection, disclosure, _COLUMNS, [row[:-1] for row in rows])
    versions = [values for row in rows for values in _version_values(row)]
    insert_rows(connection, disclosed_version, [column.name for column in disclosed_version.columns], versions)


def _version_values(row: DisclosureRow) -> Iterator[tuple[Any, ...]]:
    for ordinal, v in enumerate(row.versions):
        key = (row.recorded, row.writer_number, row.position, ordinal)
        yield (*key, *v)


def walk_writer(connection: Connection, writer_number: int) -> Iterator[DisclosureRow]:
    """All disclosures of one writer in the order of its chain, read in chunks."""
    table, after = disclosure, -1
    while True:
        statement = (
            select(*[table.c[name] for name in _COLUMNS])
            .where(table.c.writer_number == writer_number, table.c.position > after)
            .order_by(table.c.position)
            .limit(_CHUNK)
        )
        rows = [DisclosureRow(*row) for row in connection.execute(statement)]
        yield from attach_versions(connection, rows)
        if len(rows) < _CHUNK:
            return
        after = rows[-1].position


def attach_versions(connection: Connection, rows: Sequence[DisclosureRow]) -> list[DisclosureRow]:
    """The same disclosures with their versions, for rows that lie close together in time."""
    if not rows:
        return []
    table = disclosed_version
    statement = (
        select(table)
        .where(
            table.c.recorded.between(min(r.recorded for r in rows), max(r.recorded for r in rows)),
            table.c.writer_number.in_({r.writer_number for r in rows}),
            table.c.position.in_({r.position for r in rows}),
        )
        .order_by(table.c.recorded, table.c.writer_number, table.c.position, table.c.ordinal)
    )
    found: dict[tuple[int, int, int], list[VersionRow]] = {}
    for v in connection.execute(statement):
        version = VersionRow(v.resource_type, v.resource_id, v.version_id, v.patient_id)
        found.setdefault((v.recorded, v.writer_number, v.position), []).append(version)
    return [
        row._replace(versions=tuple(found.get((row.recorded, row.writer_number, row.position), []))) for row in rows
    ]


def last_checkpoint(connection: Connection) -> CheckpointRow | None:
    number = disclosure_checkpoint.c.checkpoint_number
    row = connection.execute(select(disclosure_checkpoint).order_by(number.desc()).limit(1)).one_or_none()
    return None if row is None else CheckpointRow(*row)


def add_checkpoint(connection: Connection, row: CheckpointRow) -> None:
    values = {name: getattr(row, name) for name in CheckpointRow.__dataclass_fields__}
    connection.execute(insert(disclosure_checkpoint), values)


def walk_checkpoints(connection: Connection) -> Iterator[CheckpointRow]:
    """All checkpoints in order."""
    number, after = disclosure_checkpoint.c.checkpoint_number, 0
    while True:
        statement = select(disclosure_checkpoint).where(number > after).order_by(number).limit(_CHUNK)
        rows = [CheckpointRow(*row) for row in connection.execute(statement)]
        yield from rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1].checkpoint_number
