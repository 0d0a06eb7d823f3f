"""Register the sites of the trusts."""

from __future__ import annotations

import json

import click

from fhir_server.cli import options
from fhir_server.ingest.registry import add_site
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import open_database


@click.group("site")
def command() -> None:
    """Register the sites of the trusts."""


@command.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--trust", required=True, help="ODS code of the trust that runs the site.")
@options.database
@options.as_json
def add(code: str, name: str, trust: str, database: str | None, as_json: bool) -> None:
    """Register a site by its ODS site code, or rename it: pages show the name in place of the code."""
    location = add_site(Storage(open_database(options.settings(database=database))), code, name, trust)
    made = {"code": code, "name": name, "trust": trust, "location_id": location}
    click.echo(json.dumps(made) if as_json else f"{name}: Location/{location}")
