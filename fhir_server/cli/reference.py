"""Internal: write the pages of docs/reference that are made from the code."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import click

import fhir_server
from fhir_server import logs, metrics, settings
from fhir_server.cli.commands_page import commands_page
from fhir_server.search.parameters_page import parameters_page


@click.command("reference", hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/reference"))
def command(folder: Path) -> None:
    """Write the pages that are made from the code; a test says when they are out of date."""
    for name, page in pages().items():
        (folder / name).write_text(page, encoding="utf-8")
        click.echo(folder / name)


def pages() -> dict[str, str]:
    """File name -> page. Every module is imported first: log events are declared beside the code that emits them."""
    for module in pkgutil.walk_packages(fhir_server.__path__, "fhir_server."):
        if "migrations" not in module.name:
            import_module(module.name)
    from fhir_server.cli.main import group  # which finds this command by its file, and imports it when it is called

    return {
        "commands.md": commands_page(group),
        "search-parameters.md": parameters_page(),
        "settings.md": settings.reference_page(),
        "log-events.md": logs.reference_page(),
        "metrics.md": metrics.reference_page(),
    }
