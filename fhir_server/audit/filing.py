"""File the spools into the database: every whole line exactly once, its chain checked, each batch signed (decision 15).

How far a file has been filed advances in the transaction that stores its lines, so a filer that dies loses and repeats
nothing. One filer works at a time, whatever processes call; it reads the files of the living and of the dead, and
removes a file when all of it is filed and its writer writes to it no more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from fhir_server import metrics
from fhir_server.audit.chain import decode_disclosure, decode_line, first_link, next_link
from fhir_server.audit.checkpoint import load_signing_key, make_checkpoint
from fhir_server.audit.spool_files import Chunk, SpoolFile, is_finished, list_spool_files, read_chunk
from fhir_server.errors import Unavailable
from fhir_server.logs import event
from fhir_server.storage.disclosures import (
    Connection,
    DisclosureRow,
    VersionRow,
    WriterPosition,
    add_checkpoint,
    add_disclosures,
    has_written,
    last_checkpoint,
    read_positions,
    save_position,
    take_written,
)
from fhir_server.storage.unit_of_work import Storage

#: The writer under whose name the disclosures of writes are chained.
TRANSACTIONS = "transactions"

_CHUNK_BYTES = 1024 * 1024
_BATCH_BYTES = 4 * 1024 * 1024
_BATCH_WRITTEN = 2000

_CHAIN_BROKEN = event(
    "audit.chain-broken", "Lines of a disclosure spool do not follow from the lines before.", "count", level=50
)
_NOT_SIGNED = event("audit.not-signed", "Disclosures were filed without a signed checkpoint: no key.", level=40)
_TORN = event("audit.torn-line", "The end of a spool file was never finished; its answer never left.", "bytes")


@dataclass
class _Batch:
    """What one transaction files."""

    positions: dict[str, WriterPosition]
    now: int
    rows: list[DisclosureRow] = field(default_factory=list)
    moved: dict[str, WriterPosition] = field(default_factory=dict)
    filed_files: list[SpoolFile] = field(default_factory=list)
    size: int = 0
    broken: int = 0
    torn: int = 0
    more: bool = False

    def position(self, writer: str) -> WriterPosition:
        """Where the writer stands; a new one begins with a number of its own."""
        if writer not in self.positions:
            number = 1 + max((p.writer_number for p in self.positions.values()), default=0)
            self.positions[writer] = WriterPosition(number, writer, 0, 0, 0, first_link(writer), self.now)
        return self.positions[writer]

    def move(self, position: WriterPosition) -> None:
        self.positions[position.writer] = self.moved[position.writer] = replace(position, updated=self.now)


def file_spools(storage: Storage, directory: Path) -> int:
    """File everything that waits in `directory` and in the database's own spool; how many disclosures were filed.

    Raises Unavailable when the database cannot take them or the spool cannot be read now: they stay where they are.
    """
    try:
        return _file_all(storage, directory)
    except OSError as error:
        raise Unavailable("The audit spool cannot be read now.") from error


def _file_all(storage: Storage, directory: Path) -> int:
    filed = 0
    while _has_work(storage, directory):
        batch = storage.database.write(lambda connection: _file_batch(storage, connection, directory))
        for file in batch.filed_files:
            file.path.unlink(missing_ok=True)  # another filer may have been quicker
        _report(batch)
        filed += len(batch.rows)
        if not batch.more:
            break
    return filed


def _has_work(storage: Storage, directory: Path) -> bool:
    """Whether a look at the sizes of the files finds anything that the positions do not cover."""
    files = list_spool_files(directory)
    with storage.database.read() as connection:
        if has_written(connection):
            return True
        positions = read_positions(connection) if files else {}
    waiting = sum(_waiting_bytes(file, positions.get(file.writer)) for file in files)
    metrics.set_spool_bytes(waiting)
    return waiting > 0 or any(is_finished(file) for file in files)


def _waiting_bytes(file: SpoolFile, position: WriterPosition | None) -> int:
    if position is not None and file.segment < position.segment:
        return 0
    try:
        size = file.path.stat().st_size
    except FileNotFoundError:
        return 0
    return size - position.offset if position is not None and file.segment == position.segment else size


def _file_batch(storage: Storage, connection: Connection, directory: Path) -> _Batch:
    storage.database.lock(connection, "disclosure-filing")
    batch = _Batch(read_positions(connection), time.time_ns() // 1000)
    _collect_written(connection, batch)
    for file in list_spool_files(directory):
        if batch.size >= _BATCH_BYTES:
            batch.more = True
            break
        _collect_file(file, batch)
    add_disclosures(connection, batch.rows)
    for position in batch.moved.values():
        save_position(connection, position)
    if batch.rows:
        _sign(connection, batch, directory)
    return batch


def _sign(connection: Connection, batch: _Batch, directory: Path) -> None:
    """Add the batch's checkpoint. Without a key (none yet, and the disk is full) filing is what frees the disk."""
    try:
        key = load_signing_key(directory)
    except OSError as error:
        _NOT_SIGNED(exc=error)
        return
    add_checkpoint(connection, make_checkpoint(key, last_checkpoint(connection), batch.now, batch.moved.values()))


def _collect_written(connection: Connection, batch: _Batch) -> None:
    payloads = take_written(connection, _BATCH_WRITTEN)
    if not payloads:
        return
    batch.more = len(payloads) == _BATCH_WRITTEN
    position = batch.position(TRANSACTIONS)
    number, link = position.position, position.chain
    for payload in payloads:
        link = next_link(link, payload)
        batch.rows.append(make_row(position.writer_number, number, payload, link))
        number += 1
    batch.move(replace(position, position=number, chain=link))


def _collect_file(file: SpoolFile, batch: _Batch) -> None:
    """Take what is new in one file; past the size of a batch, leave the rest for the next."""
    position = batch.position(file.writer)
    if file.segment < position.segment:
        batch.filed_files.append(file)
        return
    if file.segment > position.segment:
        position = replace(position, segment=file.segment, offset=0)
    try:
        chunk = read_chunk(file, position.offset, _CHUNK_BYTES)
        while True:
            position = _collect_lines(file, chunk, position, batch)
            if not chunk.more or batch.size >= _BATCH_BYTES:
                break
            chunk = read_chunk(file, position.offset, _CHUNK_BYTES)
    except FileNotFoundError:  # another filer has just removed it
        return
    batch.more = batch.more or chunk.more
    if chunk.complete:
        batch.filed_files.append(file)
        batch.torn += chunk.torn


def _collect_lines(file: SpoolFile, chunk: Chunk, position: WriterPosition, batch: _Batch) -> WriterPosition:
    """Add the lines' rows. A line that does not follow is filed all the same, under the chain that it claims."""
    number, link = position.position, position.chain
    for line in chunk.lines:
        try:
            parsed = decode_line(line)
            payload, claimed = bytes(parsed.disclosure), bytes.fromhex(parsed.chain)
            batch.rows.append(make_row(position.writer_number, number, payload, claimed))
        except ValueError:
            batch.broken += 1
            _put_aside(file.path, line)
            continue
        batch.broken += parsed.position != number or claimed != next_link(link, payload)
        number, link = number + 1, claimed
    batch.size += chunk.end - position.offset
    position = replace(position, offset=chunk.end, position=number, chain=link)
    if chunk.lines:
        batch.move(position)
    return position


def make_row(writer_number: int, position: int, payload: bytes, link: bytes) -> DisclosureRow:
    """The row of a disclosure in a writer's chain. Raises ValueError when the payload is not a disclosure."""
    disclosure = decode_disclosure(payload)
    versions = [
        VersionRow(entry.resource_type, entry.resource_id, entry.version_id, patient_id)
        for entry in disclosure.entries
        for patient_id in entry.patient_ids or (None,)
    ]
    return DisclosureRow(
        disclosure.recorded_us,
        writer_number,
        position,
        disclosure.interaction,
        disclosure.action,
        disclosure.outcome,
        disclosure.caller_id,
        payload,
        link,
        tuple(versions),
    )


def _put_aside(path: Path, line: bytes) -> None:
    """Keep what was no disclosure beside the spool, for people to look at."""
    with path.with_suffix(".damaged").open("ab") as damaged:
        damaged.write(line + b"\n")


def _report(batch: _Batch) -> None:
    if batch.broken:
        _CHAIN_BROKEN(count=batch.broken)
    if batch.torn:
        _TORN(bytes=batch.torn)
