"""The disclosure spool: what a process disclosed, one appended line each, before the answer leaves (decision 15).

No spool, no answer. An append is one write(2), so it survives the death of the process; a thread syncs the file every
50 ms, which is what a power cut may lose. Filing (audit/filing) moves the lines into the database.

A writer is one process; its files are `<writer>.<segment>.spool`. It holds a lock (flock) on the file it writes to:
a file without one has a dead writer. Its chain and positions run through all its files.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from pathlib import Path

from fhir_server.audit.chain import encode_disclosure, encode_line, first_link, next_link
from fhir_server.audit.disclosure import Disclosure
from fhir_server.errors import Unavailable
from fhir_server.logs import event

SUFFIX = ".spool"
SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_AGE_S = 3600.0
_FREE_BYTES_MIN = 16 * 1024 * 1024

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_REFUSED = event("spool.refused", "A disclosure could not be written, so its answer was withheld.", level=40)
_SYNC_FAILED = event("spool.sync-failed", "The disclosure spool could not be synced to the disk.", level=40)


class DisclosureSpool:
    """Appends to this process's spool file. One per process, shared by its threads; a forked child starts its own."""

    def __init__(
        self,
        directory: Path,
        writer_name: str,
        *,
        sync_s: float = 0.05,
        segment_bytes: int = SEGMENT_BYTES,
        segment_age_s: float = SEGMENT_AGE_S,
    ) -> None:
        """`writer_name` (such as `web`) may hold letters, digits and hyphens. The file is made by the first append."""
        self._directory = directory
        self._name = writer_name
        self._sync_s = sync_s
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._turn = threading.Lock()
        self._begin_anew()
        _spools.add(self)

    def _begin_anew(self) -> None:
        """The next append begins a new writer: at birth, after a close, and in a forked child."""
        self._writer = ""
        self._segment = 0
        self._position = 0
        self._link = b""
        self._file: int | None = None
        self._size = 0
        self._opened = 0.0
        self._finished: list[int] = []
        self._syncing: list[int] = []
        self._dirty = False
        self._stop = threading.Event()

    def append(self, disclosure: Disclosure) -> None:
        """Write one disclosure; when this returns, it survives the death of this process.

        Raises Unavailable when it cannot be written: the answer it accounts for must not leave then.
        """
        payload = encode_disclosure(disclosure)
        try:
            with self._turn:
                self._append(payload)
        except OSError as error:
            _REFUSED(exc=error)
            raise Unavailable("The audit trail cannot be written now, so nothing can be shown.") from error

    def check(self) -> int:
        """Bytes free for disclosures. Raises Unavailable when none can be written, so that a process is not ready."""
        try:
            with self._turn:
                if self._file is None:
                    self._next_segment()
            disk = os.statvfs(self._directory)
        except OSError as error:
            raise Unavailable("The audit trail cannot be written now.") from error
        free = disk.f_bavail * disk.f_frsize
        if free < _FREE_BYTES_MIN:
            raise Unavailable("The disk of the audit trail is almost full.")
        return free

    def _append(self, payload: bytes) -> None:
        file = self._file
        if file is None or self._is_full():
            file = self._next_segment()
        link = next_link(self._link, payload)
        line = encode_line(self._position, link, payload)
        written = os.write(file, line)
        if written != len(line):
            self._cut_back(file)
            raise OSError("short write")
        self._link = link
        self._position += 1
        self._size += written
        self._dirty = True

    def _cut_back(self, file: int) -> None:
        """Take a torn line off again; if even that fails, its file is finished and filing ignores its torn end."""
        try:
            os.ftruncate(file, self._size)
        except OSError:
            self._finish_segment()

    def _is_full(self) -> bool:
        return self._size >= self._segment_bytes or time.monotonic() - self._opened >= self._segment_age_s

    def _next_segment(self) -> int:
        if not self._writer:
            self._begin_writer()
        file = self._make_file(f"{self._writer}.{self._segment:06d}")
        self._finish_segment()
        self._file, self._size, self._opened = file, 0, time.monotonic()
        self._segment += 1
        return file

    def _make_file(self, name: str) -> int:
        """A new file, locked before it gets its name, so that filing never takes it for a dead writer's."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        unnamed = self._directory / f"{name}.new"
        file = os.open(unnamed, _FLAGS, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self._directory / f"{name}{SUFFIX}")
            self._sync_directory()
        except OSError:
            os.close(file)
            raise
        return file

    def _begin_writer(self) -> None:
        self._writer = f"{self._name}-{os.getpid()}-{time.time_ns()}"
        self._link = first_link(self._writer)
        threading.Thread(target=self._keep_syncing, args=(self._stop,), name="disclosure-sync", daemon=True).start()

    def _sync_directory(self) -> None:
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _finish_segment(self) -> None:
        """Leave the present file to the syncing thread, which closes it."""
        if self._file is not None:
            self._finished.append(self._file)
            self._file, self._dirty = None, True

    def _keep_syncing(self, stop: threading.Event) -> None:
        while not stop.wait(self._sync_s):
            if self._dirty:
                self.sync()

    def sync(self) -> None:
        """Force everything appended so far to the disk."""
        with self._turn:
            self._dirty = False
            files = [*self._finished, *([] if self._file is None else [os.dup(self._file)])]
            self._finished = []
            self._syncing += files
        for file in files:
            try:
                os.fdatasync(file)
            except OSError as error:
                self._give_up_segment(error)
            finally:
                if file in self._syncing:  # not when `close` began anew meanwhile
                    self._syncing.remove(file)
                os.close(file)

    def _give_up_segment(self, error: OSError) -> None:
        """After a failed sync nobody knows what the file holds (fsync(2)), so the next line begins another."""
        _SYNC_FAILED(exc=error)
        with self._turn:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def close(self) -> None:
        """Sync and let go of the file. Appending again begins a new writer."""
        with self._turn:
            self._stop.set()
            self._finish_segment()
        self.sync()
        with self._turn:
            self._begin_anew()

    def _after_fork(self) -> None:
        """In the child: the files, their locks and their chain belong to the parent."""
        for file in [*self._finished, *self._syncing, *([] if self._file is None else [self._file])]:
            os.close(file)
        self._turn = threading.Lock()
        self._begin_anew()


_spools: weakref.WeakSet[DisclosureSpool] = weakref.WeakSet()


def _forget_in_child() -> None:
    for spool in list(_spools):
        spool._after_fork()


os.register_at_fork(after_in_child=_forget_in_child)
