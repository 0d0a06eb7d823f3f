"""Run the record: web, feeds, jobs and DICOM, each its own process, a dead one back within a second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from fhir_server import logs, metrics
from fhir_server.cli import options
from fhir_server.settings import OFF, Settings
from fhir_server.supervision import ports
from fhir_server.supervision.supervisor import ChildSpec, Supervisor

SERVING = logs.event("serve.listening", "The record runs at this HTTP address.", "address", "count")


@click.command("serve")
@options.database
@click.option("--http", metavar="HOST:PORT", help="Portal, FHIR and DICOMweb, or off.")
@click.option("--mllp", metavar="HOST:PORT", help="HL7 v2 feeds, or off.")
@click.option("--dicom", metavar="HOST:PORT", help="DICOM store, or off.")
@click.option("--aet", metavar="TITLE", help="Our DICOM application entity title.")
@click.option("--web-workers", type=int, metavar="N", help="Web processes that share the HTTP port.")
def command(**given: Any) -> None:
    """Run the record until Ctrl-C or SIGTERM.

    Web, feeds, jobs and DICOM are processes of their own; one that dies is started again within a second, and later
    and later, up to five seconds, while it keeps dying. What is not given comes from its IMAGING_RECORD_ variable.
    """
    run(options.settings(**given))


def run(settings: Settings, companions: Sequence[ChildSpec] = ()) -> None:
    """Prepare the store, take the HTTP port, and supervise the children (and `companions`) until told to stop."""
    logs.configure(settings.log_level)
    metrics.clean(settings.metrics_dir)
    with _http_port(settings) as settings:
        _prepare(settings)
        specs = [*children(settings), *companions]
        SERVING(address=settings.http, count=len(specs))
        Supervisor(specs, stop_timeout_s=settings.stop_timeout_s).run()


def children(settings: Settings) -> list[ChildSpec]:
    """What runs for these settings: a part whose address is `off` has no process; jobs always run."""
    web = [f"web-{number + 1}" for number in range(settings.web_workers)] if settings.http != OFF else []
    feeds = ["feeds"] if settings.mllp != OFF else []
    dicom = ["dicom"] if settings.dicom != OFF else []
    environment = child_environment(settings)
    return [child_spec(name, environment) for name in (*web, *feeds, "jobs", *dicom)]


def child_environment(settings: Settings) -> dict[str, str]:
    """The settings, and where the processes add up their metrics."""
    return {**settings.to_environment(), metrics.DIRECTORY_VARIABLE: str(settings.metrics_dir)}


def child_spec(name: str, environment: dict[str, str]) -> ChildSpec:
    """One part of the record (see cli/child) as the supervisor runs it."""
    return ChildSpec(name, (*_arguments(name.partition("-")[0]), "--lifeline", "{lifeline}"), environment)


def _arguments(part: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "fhir_server.cli.main", "child", part)


def _prepare(settings: Settings) -> None:
    """Migrate an empty store and refuse one that says it is too new, in a process that takes its memory with it."""
    environment = {**os.environ, **child_environment(settings)}
    if subprocess.run(_arguments("prepare"), env=environment, stdin=subprocess.DEVNULL).returncode:
        raise click.ClickException("the store could not be prepared; nothing was started")


@contextmanager
def _http_port(settings: Settings) -> Iterator[Settings]:
    """Hold the HTTP port while the record runs; yields the settings with the port that was taken."""
    if (address := settings.http_address) is None:
        yield settings
        return
    try:
        held, taken = ports.reserve(address)
    except ports.PortTaken as error:
        raise click.ClickException(str(error.strerror)) from error
    with held:
        yield replace(settings, http=str(taken))
