"""Is this process alive, and can it serve: the answers behind `GET /healthz` and `GET /readyz`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server import logs

NOT_READY = logs.event(
    "health.not-ready", "A part that answers depend on does not work.", "state", level=logging.WARNING
)

#: Raises when the part does not work; returns words for operators (such as a schema version) when it does.
Check = Callable[[], str]


@dataclass(frozen=True)
class Health:
    """The outcome of all checks: one line a part, with no text of an error in it."""

    ready: bool
    parts: Mapping[str, str]

    @property
    def status(self) -> int:
        """The HTTP status to answer with."""
        return 200 if self.ready else 503

    def as_json(self) -> dict[str, Any]:
        return {"status": "ready" if self.ready else "not ready", "parts": dict(self.parts)}


def live() -> Health:
    """The process runs and answers; nothing else is asked, so that a slow database never gets it killed."""
    return Health(True, {"process": "running"})


def ready(checks: Mapping[str, Check]) -> Health:
    """Run every check and say which part, if any, does not work."""
    outcomes = {name: _run(name, check) for name, check in checks.items()}
    return Health(all(ok for ok, _ in outcomes.values()), {name: text for name, (ok, text) in outcomes.items()})


def _run(name: str, check: Check) -> tuple[bool, str]:
    started = time.monotonic()
    try:
        return True, check()
    except Exception as error:  # any fault of a part means "not ready", whatever its class
        NOT_READY(state=name, exc=error)
        return False, f"{type(error).__name__} after {time.monotonic() - started:.1f} s"
