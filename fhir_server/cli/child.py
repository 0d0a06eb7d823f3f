"""Internal: one process of `serve`, started and watched by the supervisor."""

from __future__ import annotations

from importlib import import_module

import click

from fhir_server import logs
from fhir_server.cli import options
from fhir_server.settings import Settings
from fhir_server.supervision import lifeline
from fhir_server.supervision.failure import reported

NAMES = ("prepare", "web", "feeds", "jobs", "dicom", "region")


@click.command("child", hidden=True)
@click.argument("name", type=click.Choice(NAMES))
@click.option("--lifeline", "read_end", type=int, help="File descriptor that closes when the supervisor is gone.")
def command(name: str, read_end: int | None) -> None:
    """Run one part of the record until SIGTERM. Its settings come from the environment alone."""
    settings = options.settings()
    logs.configure(settings.log_level)
    if read_end is not None:
        lifeline.follow(read_end, settings.stop_timeout_s)
    with reported(name):
        if name == "web":
            _run_web(settings, read_end)
        else:
            _run_wired(name, settings)


def _run_web(settings: Settings, read_end: int | None) -> None:
    from fhir_server.supervision import web

    web.run(settings, read_end)


def _run_wired(name: str, settings: Settings) -> None:
    wiring = import_module("fhir_server.wiring")
    function = "prepare" if name == "prepare" else f"run_{name}"
    getattr(wiring, function)(settings)
