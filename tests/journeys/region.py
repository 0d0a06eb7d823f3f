"""Registering a small region by the commands, and counting afterwards what it holds, by API and by SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from fhir_server.storage.database import Database
from fhir_server.storage.tables.disclosure import disclosed_version, disclosure
from fhir_server.storage.tables.inbox import filing_queue, inbox
from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import ServedRecord, eventually
from tests.support.ports import free_port

TRUSTS = {"RX1": "Nottingham", "RWE": "Leicester"}
ROOT = "urn:x-imaging-record"


def register(record: ServedRecord) -> None:
    """The trusts, their feeds, and an archive each whose PACS only sends (its query port is closed)."""
    for ods, name in TRUSTS.items():
        record.command("trust", "add", ods, name)
        record.command("feed", "add", f"{ods} RIS", "--trust", ods, "--msh-4", ods, "--profile", "uk-a3")
        add_archive(record, ods, "dimse", f"127.0.0.1:{free_port()}")


def add_archive(record: ServedRecord, ods: str, kind: str, address: str) -> None:
    """Register the trust's PACS."""
    where = ("--type", kind, "--url", address, "--aet", f"{ods}PACS")
    record.command("endpoint", "add", f"{ods} PACS", "--trust", ods, *where)


@contextmanager
def opened(record: ServedRecord) -> Iterator[Database]:
    """The record's database, as an operator with SQL would look at it."""
    database = Database(record.database, pool_size=2)
    yield database
    database.close()


def wait_until_filed(record: ServedRecord, timeout_s: float = 90.0) -> None:
    """Return when no message waits to be filed."""
    with opened(record) as database:
        eventually(lambda: not _waiting(database), "every message is filed", timeout_s=timeout_s)


def _waiting(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(filing_queue)).scalar_one())


def settled_messages(record: ServedRecord) -> list[str]:
    """The control id of each message that was filed or quarantined, as often as it is in the inbox."""
    states = ("filed", "filed-with-warnings", "quarantined")
    with opened(record) as database, database.read() as connection:
        return list(connection.execute(select(inbox.c.control_id).where(inbox.c.state.in_(states))).scalars())


def message_states(record: ServedRecord) -> Counter[tuple[str, str]]:
    """How many messages are in which state for which reason."""
    with opened(record) as database, database.read() as connection:
        rows = connection.execute(select(inbox.c.state, inbox.c.reason)).all()
    return Counter((row.state, row.reason) for row in rows)


def disclosed_reads(record: ServedRecord, caller_id: str) -> Counter[tuple[str, str]]:
    """What the audit trail says the caller has read, by resource type and id."""
    of_read = (disclosure.c.interaction == "read") & (disclosure.c.caller_id == caller_id)
    same = (disclosure.c.writer_number == disclosed_version.c.writer_number) & (
        disclosure.c.position == disclosed_version.c.position
    )
    statement = select(disclosed_version.c.resource_type, disclosed_version.c.resource_id)
    statement = statement.select_from(disclosure.join(disclosed_version, same)).where(of_read)
    with opened(record) as database, database.read() as connection:
        return Counter((row.resource_type, row.resource_id) for row in connection.execute(statement))


def identifiers(client: FhirClient, resource_type: str, system: str) -> list[str]:
    """The value of each identifier of the system, as often as resources carry it."""
    found = client.search(f"{resource_type}?identifier={system}|&_count=500")
    return [
        value
        for resource in found
        for value in {i["value"] for i in resource["identifier"] if i.get("system") == system}
    ]


def fate(record: ServedRecord, control_id: str) -> tuple[str, str]:
    """The state and reason of the one message with the control id."""
    with opened(record) as database, database.read() as connection:
        row = connection.execute(select(inbox.c.state, inbox.c.reason).where(inbox.c.control_id == control_id)).one()
    return row.state, row.reason
