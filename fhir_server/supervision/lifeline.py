"""No orphans: every child watches the read end of a pipe whose write end only the supervisor holds.

The kernel closes the write end however the supervisor dies, `kill -9` included: nothing is polled and nothing races.
"""

from __future__ import annotations

import os
import signal
import threading
import time


def follow(read_end: int, grace_s: float) -> None:
    """Watch the lifeline in a thread: when it ends, stop our process group gently, and after `grace_s` by force.

    The supervisor gives each child a process group of its own, so whatever the child started goes with it.
    """
    threading.Thread(target=_watch, args=(read_end, grace_s), name="lifeline", daemon=True).start()


def _watch(read_end: int, grace_s: float) -> None:
    while os.read(read_end, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(grace_s)
    os.killpg(os.getpgrp(), signal.SIGKILL)
