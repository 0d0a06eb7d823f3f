"""How a child process fails: one log line with the class and the source lines of the error, and exit code 1."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fhir_server import logs

CHILD_FAILED = logs.event(
    "supervision.child-failed", "A child process met an error it cannot go on with.", "child", level=logging.ERROR
)


@contextmanager
def reported(child: str) -> Iterator[None]:
    """Turn any error into a log event and SystemExit; a printed traceback could quote what was being worked on."""
    try:
        yield
    except Exception as error:
        CHILD_FAILED(child=child, exc=error)
        sys.exit(1)
