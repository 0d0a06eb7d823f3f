"""Whose turn it is to write to an SQLite file, over all threads and processes of the machine: first come, first served.

SQLite's own way is that a waiting writer asks again after pauses of up to 100 ms. Whoever writes without pause then
wins nearly every time: filing a queue of messages kept the other processes' writes waiting for seconds.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time

from fhir_server.errors import Unavailable

_LOOK_S = 0.001
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class WriterTurns:
    """Turns at one database file, by locks on two empty files beside it, which the death of a process releases.

    Writers queue at the first. The one at its head waits for the second, so the writer that has just finished, and
    comes again at once, stands behind it. Used as a lock is: `with turns:`, which raises Unavailable when the one
    before does not end within `wait_s`.
    """

    def __init__(self, database_file: str, wait_s: float) -> None:
        """`database_file` is "" for a database in memory, which one process has for itself."""
        self._file, self._wait_s = database_file, wait_s
        self._alone = threading.Lock()
        self._held = -1

    def __enter__(self) -> None:
        if not self._file:
            self._alone.acquire()
            return
        head, turn = os.open(f"{self._file}-queue", _FLAGS, 0o600), os.open(f"{self._file}-turn", _FLAGS, 0o600)
        try:
            fcntl.flock(head, fcntl.LOCK_EX)
            self._lock(turn)
        except BaseException:
            os.close(turn)
            raise
        finally:
            os.close(head)
        self._held = turn

    def __exit__(self, *_: object) -> None:
        if not self._file:
            self._alone.release()
            return
        turn, self._held = self._held, -1
        os.close(turn)

    def _lock(self, turn: int) -> None:
        """Asked again and again, because a lock that is waited for has no time limit."""
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Unavailable("The database is too busy to take this write now.") from error
                time.sleep(_LOOK_S)
            else:
                return
