"""Register people who sign in to the portal."""

from __future__ import annotations

import json
import secrets
import sys

import click

from fhir_server.access.policy import ROLES
from fhir_server.access.secrets import password_digest
from fhir_server.cli import options
from fhir_server.errors import BadRequest
from fhir_server.storage.accounts import Accounts, UserRecord
from fhir_server.wiring import open_database


@click.group("user")
def command() -> None:
    """Register people who sign in to the portal."""


@command.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(sorted(ROLES)))
@click.option("--trust", help="ODS code of the trust the person works for.")
@click.option("--display-name", help="The name that pages and the audit show.")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@options.database
@options.as_json
def add(
    name: str,
    role: str,
    trust: str | None,
    display_name: str | None,
    password_stdin: bool,
    database: str | None,
    as_json: bool,
) -> None:
    """Register a person."""
    settings = options.settings(database=database)
    password = sys.stdin.readline().rstrip("\n")
    if len(password) < settings.password_length_min:
        raise BadRequest(f"The password needs {settings.password_length_min} characters or more.")
    record = UserRecord(
        secrets.token_hex(8), name.strip().lower(), display_name or name, role, trust, password_digest(password)
    )
    Accounts(open_database(settings)).add_user(record)
    made = {"user": record.name, "role": role, "trust": trust}
    click.echo(json.dumps(made) if as_json else f"{record.name} may sign in as {ROLES[role].title}.")
