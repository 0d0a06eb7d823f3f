"""Register the HL7 v2 feeds of the trusts."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fhir_server.cli import options
from fhir_server.ingest.registry import add_feed
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import open_database


@click.group("feed")
def command() -> None:
    """Register the HL7 v2 feeds of the trusts."""


@command.command("add")
@click.argument("name")
@click.option("--trust", required=True, help="ODS code of the trust that sends.")
@click.option("--msh-3", default="", help="Sending application; empty: any.")
@click.option("--msh-4", default="", help="Sending facility; empty only where the sender leaves it empty.")
@click.option("--profile", help="Site profile (else the trust's own, else the UK standard's).")
@click.option("--peer", "peers", multiple=True, help="Address or network that may send (repeat; none: any).")
@click.option("--test/--production", default=False, help="A test feed may send MSH-11 T and D.")
@options.database
@options.as_json
def add(
    name: str, trust: str, msh_3: str, msh_4: str, profile: str | None, peers: tuple[str, ...],
    test: bool, database: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Register a feed: what comes with this MSH-4 (and MSH-3) belongs to the trust."""
    storage = Storage(open_database(options.settings(database=database)))
    record = add_feed(
        storage, name, trust=trust, msh_3=msh_3, msh_4=msh_4, profile=profile,
        peers=",".join(peers), production=not test,
    )  # fmt: skip
    click.echo(
        json.dumps(asdict(record)) if as_json else f"{record.name}: {record.msh_4} with profile {record.profile}"
    )
