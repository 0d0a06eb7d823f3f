"""List the messages that could not be filed, and why."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fhir_server.cli import options
from fhir_server.fhir.instants import format_instant
from fhir_server.storage.feed_state import QuarantinedMessage, quarantined_messages
from fhir_server.wiring import open_database


@click.command("quarantine")
@click.option("--feed", help='Of this feed alone; "" is unregistered senders.')
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@options.database
@options.as_json
def command(feed: str | None, limit: int, database: str | None, as_json: bool) -> None:
    """List the messages in quarantine, the newest first; nothing of their content is shown."""
    opened = open_database(options.settings(database=database))
    with opened.read() as connection:
        messages = quarantined_messages(connection, feed_name=feed, limit=limit)
    for message in messages:
        click.echo(json.dumps(asdict(message)) if as_json else _line(message))


def _line(m: QuarantinedMessage) -> str:
    sender = m.feed or f"from {m.peer}"
    return f"{m.message_id}  {format_instant(m.received_at)}  {sender}  {m.message_type}  {m.reason}: {m.reason_text}"
