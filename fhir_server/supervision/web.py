"""One web process: Granian with a single WSGI worker that shares the port with its siblings by SO_REUSEPORT.

Granian's own respawning waits seconds and gives up after two quick deaths, and nothing heals its main process. So each
worker runs under a Granian of its own: when either of the two dies, the supervisor sweeps the other and starts both
again, while the siblings keep answering.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from fhir_server import logs
from fhir_server.settings import Settings
from fhir_server.supervision import lifeline
from fhir_server.supervision.failure import reported

APPLICATION = "fhir_server.app:create_app"

#: Open at the same time in one process. Browsers keep six each while they idle, so this is about people, not requests.
CONNECTIONS = 512

#: Granian's records go to our handler instead of its own, which writes free text.
_LOGGING = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"handlers": [], "propagate": True}}}


def run(settings: Settings, read_end: int | None = None, application: str = APPLICATION) -> None:
    """Serve the application factory until SIGTERM; `read_end` is the lifeline to the supervisor, if there is one."""
    if (address := settings.http_address) is None:
        raise ValueError("the web process needs an HTTP address")
    server = Server(
        application,
        address=address.host,
        port=address.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.web_threads,
        backpressure=max(CONNECTIONS, settings.web_threads * 8),
        loop=Loops.asyncio,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
        workers_kill_timeout=max(1, int(settings.stop_timeout_s) - 1),
    )
    server.serve(target_loader=partial(_load, application, settings, read_end), wrap_loader=False)


def _load(application: str, settings: Settings, read_end: int | None) -> Callable[..., Any]:
    """Runs in the worker, a process of its own: the lifeline's thread did not survive the fork."""
    logs.configure(settings.log_level)
    if read_end is not None:
        lifeline.follow(read_end, settings.stop_timeout_s)
    module, _, factory = application.partition(":")
    with reported("web"):
        made: Callable[..., Any] = getattr(import_module(module), factory)()
    return made
