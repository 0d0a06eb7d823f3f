"""File messages again, e.g. those in quarantine after a feed was registered or its profile corrected."""

from __future__ import annotations

import click

from fhir_server.cli import options
from fhir_server.errors import BadRequest
from fhir_server.ingest.replay import ReplayFilter, replay
from fhir_server.storage.inbox import QUARANTINED
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import open_database


@click.command("replay")
@click.argument("message_ids", metavar="MESSAGE_ID", nargs=-1)
@click.option("--quarantined", is_flag=True, help="All messages in quarantine, narrowed by --feed and --reason.")
@click.option("--feed", help='Name of the feed; "" is unregistered senders.')
@click.option("--reason", help="Quarantine reason, such as unknown-sender.")
@options.database
def command(
    message_ids: tuple[str, ...], quarantined: bool, feed: str | None, reason: str | None, database: str | None
) -> None:
    """Put messages back to be filed: those named, or all in quarantine that the options choose.

    What a message said before is taken back first, so repeating this changes nothing. The feeds of a running
    `imaging-record serve` file them.
    """
    if bool(message_ids) == (quarantined or feed is not None or reason is not None):
        raise BadRequest("Name messages, or choose them by --quarantined, --feed and --reason.")
    storage = Storage(open_database(options.settings(database=database)))
    chosen = message_ids or ReplayFilter(feed=feed, state=QUARANTINED, reason=reason)
    click.echo(f"{replay(storage, chosen)} messages wait to be filed")
