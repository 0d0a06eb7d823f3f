"""Signed checkpoints: what every writer's chain was when a batch was filed, so that a chain cannot be re-made later.

A checkpoint's statement is JSON with its number, its time, the hash of the checkpoint before, and for each writer of
the batch the position and chain it had reached. It is signed with Ed25519 (RFC 8032); the key is made on first use
and readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fhir_server.storage.disclosures import CheckpointRow, WriterPosition

KEY_FILE = "checkpoint.key"


def load_signing_key(directory: Path) -> Ed25519PrivateKey:
    """The key of this spool directory, made on first use; whoever loses the race takes the winner's."""
    path = directory / KEY_FILE
    if not path.exists():
        _make_key(path)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file, unnamed = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(file, "wb") as out:
            out.write(Ed25519PrivateKey.generate().private_bytes_raw())
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(unnamed, path)
    finally:
        os.unlink(unnamed)


def make_checkpoint(
    key: Ed25519PrivateKey, previous: CheckpointRow | None, now: int, heads: Iterable[WriterPosition]
) -> CheckpointRow:
    """The signed checkpoint that follows `previous`."""
    number = 1 if previous is None else previous.checkpoint_number + 1
    statement = {
        "checkpoint": number,
        "recorded": now,
        "previous": hash_checkpoint(previous),
        "writers": [{"writer": h.writer, "position": h.position, "chain": h.chain.hex()} for h in heads],
    }
    body = json.dumps(statement, separators=(",", ":")).encode()
    return CheckpointRow(number, now, body, key.public_key().public_bytes_raw(), key.sign(body))


def hash_checkpoint(checkpoint: CheckpointRow | None) -> str:
    """What the next checkpoint says of this one; empty for none."""
    return "" if checkpoint is None else hashlib.sha256(checkpoint.statement + checkpoint.signature).hexdigest()


def is_signed(checkpoint: CheckpointRow) -> bool:
    """Whether the signature fits the statement and the public key that the row names."""
    try:
        Ed25519PublicKey.from_public_bytes(checkpoint.public_key).verify(checkpoint.signature, checkpoint.statement)
    except (InvalidSignature, ValueError):
        return False
    return True
