"""Register the trusts of the region."""

from __future__ import annotations

import json

import click

from fhir_server.cli import options
from fhir_server.ingest.registry import add_trust, end_trust
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import open_database


@click.group("trust")
def command() -> None:
    """Register the trusts of the region."""


@command.command("add")
@click.argument("ods")
@click.argument("name")
@options.database
@options.as_json
def add(ods: str, name: str, database: str | None, as_json: bool) -> None:
    """Register a trust by its ODS code, or rename it."""
    record = add_trust(Storage(open_database(options.settings(database=database))), ods, name)
    click.echo(json.dumps({"ods": record.ods, "name": record.name}) if as_json else f"{record.ods}  {record.name}")


@command.command("end")
@click.argument("ods")
@click.argument("successor")
@options.database
def end(ods: str, successor: str, database: str | None) -> None:
    """From now on the trust's records are its successor's."""
    end_trust(Storage(open_database(options.settings(database=database))), ods, successor)
