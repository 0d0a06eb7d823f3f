"""Register API clients, list them, disable them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from fhir_server.access.scopes import parse_scopes
from fhir_server.access.secrets import client_secret_digest, new_secret
from fhir_server.cli import options
from fhir_server.errors import BadRequest
from fhir_server.storage.accounts import Accounts, ClientRecord, now_us
from fhir_server.wiring import open_database


@click.group("client")
def command() -> None:
    """Register API clients, list them, disable them."""


@command.command("add")
@click.argument("name")
@click.option("--scope", required=True, help='SMART scopes, such as "system/*.cruds" or "system/ImagingStudy.rs".')
@click.option("--trust", help="ODS code of the trust whose data the client writes (else the region's host).")
@click.option("--jwks-file", type=click.Path(exists=True, path_type=Path), help="Public keys for private_key_jwt.")
@options.database
@options.as_json
def add(name: str, scope: str, trust: str | None, jwks_file: Path | None, database: str | None, as_json: bool) -> None:
    """Register a client; its secret is shown once."""
    try:
        parse_scopes(scope)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    secret = None if jwks_file else new_secret()
    record = ClientRecord(
        client_id=f"{name.lower().replace(' ', '-')[:40]}-{secrets.token_hex(6)}",
        name=name,
        secret_digest=client_secret_digest(secret) if secret else None,
        jwks=jwks_file.read_text() if jwks_file else None,
        scope=scope,
        trust=trust,
        created_at=now_us(),
    )
    Accounts(open_database(options.settings(database=database))).add_client(record)
    made = {"client_id": record.client_id, "client_secret": secret, "scope": scope, "trust": trust}
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"client_id      {record.client_id}")
    if secret:
        click.echo(f"client_secret  {secret}   (shown once)")


@command.command("list")
@options.database
@options.as_json
def list_(database: str | None, as_json: bool) -> None:
    """List the clients."""
    records = Accounts(open_database(options.settings(database=database))).list_clients()
    for r in records:
        line = {"client_id": r.client_id, "name": r.name, "scope": r.scope, "trust": r.trust, "disabled": r.disabled}
        click.echo(json.dumps(line) if as_json else "  ".join(str(v) for v in line.values()))


@command.command("disable")
@click.argument("client_id")
@options.database
def disable(client_id: str, database: str | None) -> None:
    """Refuse the client from now on; its tokens stop within seconds."""
    Accounts(open_database(options.settings(database=database))).disable_client(client_id)
