"""Verify the audit store: chains unbroken from the first disclosure, columns true to payloads, checkpoints signed."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

from fhir_server.audit.chain import first_link, next_link
from fhir_server.audit.checkpoint import hash_checkpoint, is_signed
from fhir_server.audit.filing import make_row
from fhir_server.storage.disclosures import (
    CheckpointRow,
    Connection,
    DisclosureRow,
    WriterPosition,
    read_positions,
    walk_checkpoints,
    walk_writer,
)
from fhir_server.storage.unit_of_work import Storage


@dataclass
class ChainReport:
    """What was looked at, and what is wrong; `problems` name writers, positions and checkpoints, never patients."""

    disclosures: int = 0
    checkpoints: int = 0
    problems: list[str] = field(default_factory=list)


def verify_chain(storage: Storage, trusted_keys: Collection[bytes] = ()) -> ChainReport:
    """Walk the whole audit store. With `trusted_keys` (raw Ed25519 public keys) every checkpoint must be by one."""
    report = ChainReport()
    with storage.database.read() as connection:
        # In this order, what is filed while we walk only adds to what was read before.
        heads = _verify_checkpoints(connection, trusted_keys, report)
        positions = read_positions(connection)
        for writer, position in positions.items():
            _verify_writer(connection, position, heads.pop(writer, {}), report)
    report.problems += [f"{writer}: in a checkpoint, and gone from the store" for writer in heads if heads[writer]]
    return report


def _verify_checkpoints(
    connection: Connection, trusted_keys: Collection[bytes], report: ChainReport
) -> dict[str, dict[int, str]]:
    """Check the signed statements; what they say of each writer: chain by number of disclosures."""
    heads: dict[str, dict[int, str]] = {}
    previous: CheckpointRow | None = None
    for checkpoint in walk_checkpoints(connection):
        report.checkpoints += 1
        statement = json.loads(checkpoint.statement)
        if not is_signed(checkpoint) or (trusted_keys and checkpoint.public_key not in trusted_keys):
            report.problems.append(f"checkpoint {checkpoint.checkpoint_number}: not signed by a trusted key")
        if statement["previous"] != hash_checkpoint(previous):
            report.problems.append(
                f"checkpoint {checkpoint.checkpoint_number}: the one before it is missing or changed"
            )
        for head in statement["writers"]:
            heads.setdefault(head["writer"], {})[head["position"]] = head["chain"]
        previous = checkpoint
    return heads


def _verify_writer(
    connection: Connection, position: WriterPosition, heads: dict[int, str], report: ChainReport
) -> None:
    link, count = first_link(position.writer), 0
    for row in walk_writer(connection, position.writer_number):
        report.disclosures += 1
        problem = _row_problem(row, link, count)
        if problem:
            report.problems.append(f"{position.writer} {row.position}: {problem}")
        link, count = row.chain, row.position + 1
        if heads.get(count, link.hex()) != link.hex():
            report.problems.append(f"{position.writer} {row.position}: not what the checkpoint signed")
    if count < max([position.position, *heads]):
        report.problems.append(f"{position.writer} {count}: disclosures are missing from here on")


def _row_problem(row: DisclosureRow, link: bytes, expected: int) -> str:
    if row.position != expected:
        return f"disclosures {expected} to {row.position - 1} are missing"
    if row.chain != next_link(link, row.payload):
        return "does not follow from the disclosure before"
    try:
        made = make_row(row.writer_number, row.position, row.payload, row.chain)
    except ValueError:
        return "is not a disclosure"
    return "" if made == row else "the columns differ from the payload"
