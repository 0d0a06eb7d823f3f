"""A record filled by the emulated trusts' own messages and one real archive, behind the whole application."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from adapters.emulated_trust.pacs import Pacs, PacsPorts
from adapters.emulated_trust.region import Region
from adapters.emulated_trust.trusts import BY_ODS, TRUSTS
from fhir_server.access.caller import make_service_caller
from fhir_server.access.secrets import password_digest
from fhir_server.app import create_app
from fhir_server.fhir.documents import make_document
from fhir_server.imaging.harvest import Harvester
from fhir_server.imaging.probe import probe_once
from fhir_server.imaging.registry import NewArchive, add_endpoint
from fhir_server.ingest.pipeline import file_pending
from fhir_server.ingest.receive import FeedConnection, receive
from fhir_server.ingest.registry import add_feed, add_trust
from fhir_server.ingest.services import IngestServices
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.exchange import Exchange
from fhir_server.settings import Settings
from fhir_server.storage.accounts import UserRecord
from fhir_server.wiring import archive_issuers, make_services, prepare
from tests.support.ports import free_port

PASSWORD = "correct horse battery"
ROLES = ("clinician", "ris-manager", "administrator", "information-governance", "radiologist")


@dataclass
class PortalRecord:
    """`cases` are the special cases of the emulated region by name, as plain words."""

    folder: Path
    database_url: str = ""
    settings_of: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(
            data_dir=self.folder, database=self.database_url, region_name="Test region", **self.settings_of
        )
        prepare(self.settings)
        self.services = make_services(self.settings, "web")
        self.storage = self.services.record.storage
        self.region = Region(patients=1)
        self.cases = {case["case"]: case for case in self.region.manifest()}
        for role in ROLES:
            digest = password_digest(PASSWORD)
            user = UserRecord(secrets.token_hex(8), role, f"Example {role}", role, "RX1", digest)
            self.services.accounts.add_user(user)
        self.app: Flask = create_app(self.settings, self.services)
        self._archives: list[Pacs] = []

    def tell_history(self) -> PortalRecord:
        """Take in and file everything that the eight trusts' systems have said."""
        for trust in TRUSTS:
            add_trust(self.storage, trust.ods, trust.name)
            add_feed(self.storage, f"{trust.ods} RIS", trust=trust.ods, msh_4=trust.ods)
            for message in self.region.messages(trust):
                self.send(message.payload)
        self.file()
        return self

    def send(self, payload: bytes) -> None:
        receive(self.storage, payload, FeedConnection("127.0.0.1", "test"))

    def file(self) -> None:
        file_pending(IngestServices(self.storage, self.settings))

    def create(self, content: dict[str, Any]) -> str:
        """Create the resource as a service of the record would; its logical id."""
        return create(self._exchange(), content["resourceType"], make_document(content)).version.resource_id

    def delete(self, resource_type: str, resource_id: str) -> None:
        assert delete(self._exchange(), resource_type, resource_id) is not None

    def _exchange(self) -> Exchange:
        return Exchange(self.services.record, make_service_caller("test"), "http://record.test/fhir")

    def add_archive(self, ods: str, *, down: bool = False) -> None:
        """The trust's archive, harvested once and probed; or one that nobody can reach."""
        trust, pacs = BY_ODS[ods], Pacs(f"{ods}PACS", PacsPorts())
        for plan in self.region.studies(trust):
            pacs.add(plan)
        if not down:
            pacs.start()
            self._archives.append(pacs)
        address = f"http://127.0.0.1:{free_port()}/dicom-web" if down else pacs.dicomweb_url
        new = NewArchive(f"{ods} PACS", ods, trust.name, "dicom-wado-rs", address, "", *archive_issuers(ods))
        record = add_endpoint(self.storage, new, "http://record.test/dicomweb")
        imaging = self.services.imaging
        imaging.directory._read_at = 0.0  # it reads the registry every two seconds
        archive = imaging.directory.get(record.endpoint_id)
        assert archive is not None
        for plan in [] if down else self.region.studies(trust):
            assert Harvester(imaging.locations, imaging.recorder).harvest_study(archive, plan.study_instance_uid)
        self.probe()

    def probe(self) -> None:
        """Ask every archive how it is; what was found is good for a minute."""
        imaging = self.services.imaging
        for archive in imaging.directory.all():
            probe_once(archive, imaging.locations)

    def client(self, role: str = "") -> FlaskClient:
        """A client of the application, signed in unless the role is ""."""
        client = self.app.test_client()
        if role:
            answer = client.post("/sign-in", data={"name": role, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def close(self) -> None:
        for pacs in self._archives:
            pacs.stop()
        self.services.database.close()


class Statements:
    """Counts the statements that a block runs."""

    def __init__(self, record: PortalRecord) -> None:
        self._engine = record.services.database.engine
        self.count = 0

    def _note(self, *_: object) -> None:
        self.count += 1

    def __enter__(self) -> Statements:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)
