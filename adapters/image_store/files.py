"""Files of the image store: written beside, synced, then named; a name never shows half an object.

The path of an object is a hash of its SOP Instance UID, so no header value ever becomes a file name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_COPY_BYTES = 1024 * 1024


class TooLong(Exception):
    """The object is larger than the store's limit."""


class ObjectFiles:
    """The folder of stored objects; `size_max` is the largest object in bytes."""

    def __init__(self, folder: Path, size_max: int) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._size_max = size_max
        self.incoming.mkdir(parents=True, exist_ok=True)

    def sweep_incoming(self) -> None:
        """Remove what a killed process left half-written. Call it once, before anything receives."""
        for leftover in self.incoming.iterdir():
            leftover.unlink(missing_ok=True)

    @contextmanager
    def receive(self, content: BinaryIO) -> Iterator[Path]:
        """Copy `content` into a synced file that is gone at the end unless `keep` has named it."""
        descriptor, name = tempfile.mkstemp(dir=self.incoming, suffix=".dcm")
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                self._copy(content, file)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, received: Path, instance_uid: str) -> None:
        """Give a received file its lasting name (see `relative_path`). Durable on return."""
        target = self.folder / relative_path(instance_uid)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(received, target)
        for folder in (target.parent, target.parent.parent, self.folder):
            _sync_folder(folder)

    def path(self, relative: str) -> Path:
        return self.folder / relative

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def _copy(self, content: BinaryIO, file: BinaryIO) -> None:
        size = 0
        while block := content.read(_COPY_BYTES):
            size += len(block)
            if size > self._size_max:
                raise TooLong
            file.write(block)


def relative_path(instance_uid: str) -> Path:
    """Where an object lies below the store's folder."""
    digest = hashlib.sha256(instance_uid.encode()).hexdigest()
    return Path(digest[:2], digest[2:4], f"{digest[4:]}.dcm")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
