"""A store with trusts and feeds, messages to put in, and the record as something that can be compared."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from fhir_server.ingest.pipeline import file_pending
from fhir_server.ingest.receive import FeedConnection, Receipt, receive
from fhir_server.ingest.registry import add_feed, add_trust
from fhir_server.ingest.services import IngestServices
from fhir_server.settings import Settings
from fhir_server.storage.database import Database
from fhir_server.storage.tables import resource
from fhir_server.storage.tables.inbox import inbox
from fhir_server.storage.unit_of_work import Storage
from hl7.emit import Exam, Occasion, Person, Sender
from terminology.nhs_number import make_test_nhs_number

LOOPBACK = FeedConnection("127.0.0.1", "test")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TRUSTS = {"RX1": "Nottingham", "RWE": "Leicester"}


def at(minutes: int) -> datetime:
    """Minutes after the story's beginning."""
    return START + timedelta(minutes=minutes)


def sender(trust: str = "RX1") -> Sender:
    return Sender("RIS", trust)


def person(mrn: str, number: int | None = None, born: date = date(1950, 2, 3), **more: Any) -> Person:
    """A synthetic person; `number` picks an NHS number of the test range."""
    nhs_number = "" if number is None else make_test_nhs_number(number)
    return Person(mrn, more.pop("family", "TESTER"), more.pop("given", "Anna"), born, "F", nhs_number, **more)


def exam(number: int = 1, study_uid: str = "", **more: Any) -> Exam:
    return Exam(
        accession=f"A{number:06d}", code="CCHES", name="CT chest", placer=f"P{number}", filler=f"F{number}",
        modality="CT", study_uid=study_uid, **more,
    )  # fmt: skip


def on(minutes: int, control_id: str = "", **more: str) -> Occasion:
    return Occasion(when=at(minutes), control_id=control_id, **more)


class FeedStore:
    """A migrated store whose trusts each have a feed told apart by MSH-4."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.database = Database(url)
        self.storage = Storage(self.database)
        self.services = IngestServices(self.storage, Settings(**settings))

    def register(self) -> FeedStore:
        for ods, name in TRUSTS.items():
            add_trust(self.storage, ods, name)
            add_feed(self.storage, f"{ods}-ris", trust=ods, msh_4=ods, profile="rx1")
        return self

    def receive(self, raw: bytes) -> Receipt:
        return receive(self.storage, raw, LOOPBACK)

    def file(self, *messages: bytes) -> list[str]:
        """Take in and file messages; the states that they end in, in order."""
        receipts = [self.receive(raw) for raw in messages]
        file_pending(self.services)
        return [self.message(r.message_id).state for r in receipts]

    def message(self, message_id: str) -> Any:
        with self.database.read() as connection:
            return connection.execute(select(inbox).where(inbox.c.message_id == message_id)).one()

    def messages(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(inbox).order_by(inbox.c.received_at)))

    def resources(self, resource_type: str | None = None, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The current documents, Provenance left out unless asked for."""
        statement = select(resource.c.resource_type, resource.c.body).where(resource.c.body.is_not(None))
        with self.database.read() as connection:
            rows = connection.execute(statement.order_by(resource.c.resource_key)).all()
        documents = [json.loads(bytes(row.body)) for row in rows]
        if resource_type:
            return [d for d in documents if d["resourceType"] == resource_type]
        return [d for d in documents if d["resourceType"] != "Provenance"]

    def only(self, resource_type: str) -> dict[str, Any]:
        found = self.resources(resource_type)
        assert len(found) == 1, f"{len(found)} resources of type {resource_type}"
        return found[0]

    def snapshot(self) -> list[str]:
        """The record without what depends on the order of arrival by nature: logical ids, versions and times."""
        documents = [d for d in self.resources() if not _is_stub(d)]
        names = {f"{d['resourceType']}/{d['id']}": _name(d) for d in documents}
        texts = []
        for document in documents:
            content = {k: v for k, v in document.items() if k not in ("id", "meta")}
            content["custodian"] = [t["code"] for t in document["meta"].get("tag", ())]
            text = json.dumps(content, sort_keys=True)
            for reference, name in names.items():
                text = text.replace(f'"{reference}"', json.dumps(name))
            texts.append(text)
        return sorted(texts)

    def clear(self) -> None:
        """Empty everything that messages fill."""
        from fhir_server.storage.schema import whole_metadata

        kept = {"schema_info", "trust", "feed", "uri", "key_block"}

        def empty(connection: Any) -> None:
            for table in reversed(whole_metadata().sorted_tables):
                if table.name not in kept:
                    connection.execute(table.delete())

        self.database.write(empty)
        for ods, name in TRUSTS.items():
            add_trust(self.storage, ods, name)

    def close(self) -> None:
        self.database.close()


def _name(document: dict[str, Any]) -> str:
    identifiers = sorted(
        f"{i.get('system')}|{i.get('value')}|{i.get('use') == 'old'}" for i in document.get("identifier", ())
    )
    return f"{document['resourceType']}:{document.get('active')}:{identifiers}"


def _is_stub(document: dict[str, Any]) -> bool:
    """A Patient that an early guess made, and that only says where to look instead."""
    return document["resourceType"] == "Patient" and "identifier" not in document
