"""Read spool files back: which writers have which segments, whether more may come, and their whole lines."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fhir_server.audit.spool import SUFFIX


@dataclass(frozen=True)
class SpoolFile:
    """One segment of one writer; `is_last` when no later one was there at the time of listing."""

    path: Path
    writer: str
    segment: int
    is_last: bool


@dataclass(frozen=True)
class Chunk:
    """Whole lines read from an offset; `end` is where the next begins.

    `complete`: nothing will ever follow `end` (then `torn` counts the bytes of a line that was never finished, whose
    answer never left). `more`: there is more to read now.
    """

    lines: tuple[bytes, ...]
    end: int
    more: bool
    complete: bool
    torn: int


def list_spool_files(directory: Path) -> list[SpoolFile]:
    """All spool files, each writer's in order."""
    names = sorted(path for path in directory.glob(f"*{SUFFIX}"))
    parts = [(path, *path.name.removesuffix(SUFFIX).rpartition(".")[::2]) for path in names]
    last = {writer: int(segment) for _path, writer, segment in parts}
    return [SpoolFile(path, w, int(s), is_last=int(s) == last[w]) for path, w, s in parts]


def read_chunk(file: SpoolFile, offset: int, size: int) -> Chunk:
    """Up to about `size` bytes of whole lines from `offset`."""
    with _opened(file.path) as number:
        # Asked before reading: a writer that is gone by now has written all it ever will.
        finished = not file.is_last or _has_no_writer(number)
        data = os.pread(number, size, offset)
        while b"\n" not in data and len(data) == size:
            size *= 2
            data = os.pread(number, size, offset)
        whole = data.rfind(b"\n") + 1
        end = offset + whole
        rest = os.fstat(number).st_size - end
    more = rest > 0 and len(data) == size
    complete = finished and not more
    lines = tuple(data[:whole].split(b"\n")[:-1])
    return Chunk(lines, end, more, complete, torn=rest if complete else 0)


def is_finished(file: SpoolFile) -> bool:
    """Whether nobody will write to the file any more; then filing may remove it."""
    if not file.is_last:
        return True
    try:
        with _opened(file.path) as number:
            return _has_no_writer(number)
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)


def _has_no_writer(number: int) -> bool:
    """A living writer holds the lock of the file it writes to."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(number, fcntl.LOCK_UN)
    return True
