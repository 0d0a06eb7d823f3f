"""A small region for the tests of imaging: a record, its archives, and the DICOMweb doors on a real web server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.image_store.archive import StoreArchive
from adapters.image_store.files import ObjectFiles
from adapters.image_store.store import RegionalImageStore
from conformance.definitions import definitions
from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.declare import declaration_of, enforce
from fhir_server.access.scopes import parse_scopes
from fhir_server.errors import RecordError
from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.harvest import Harvester, HarvestPlan
from fhir_server.imaging.locate import Locator
from fhir_server.imaging.ports import Archive, ArchiveEndpoint, ObjectSource
from fhir_server.imaging.received import ReceivedStudies
from fhir_server.imaging.routes import make_blueprint
from fhir_server.imaging.services import Disclosure, ImagingServices
from fhir_server.search.extract import extract
from fhir_server.storage.database import Database
from fhir_server.storage.imaging import StoredInstances, StudyLocations
from fhir_server.storage.imaging_studies import ImagingStudies, ParameterNumbers
from fhir_server.storage.migrate import migrate
from fhir_server.storage.unit_of_work import NewVersion, Storage
from hl7.fragments import Fragment

ISSUER_A = "urn:x-imaging-record:trust-a:mrn"
CLINICIAN = Caller(CallerKind.USER, "u1", "Dr Example", parse_scopes("user/*.rs"), "RX1", "clinician", session="s1")
SYSTEM = Caller(CallerKind.CLIENT, "c1", "EPR", parse_scopes("system/*.cruds"), "RX1", session="t1")


ACCESSION_A = "urn:x-imaging-record:trust-a:accession"


def make_endpoint(
    endpoint_id: str, address: str, kind: str = "dicom-wado-rs", name: str = "Trust A"
) -> ArchiveEndpoint:
    return ArchiveEndpoint(endpoint_id, f"{name} PACS", "RX1", name, kind, address, ISSUER_A, ACCESSION_A)


class Directory:
    """The registered archives."""

    def __init__(self) -> None:
        self.archives: dict[str, Archive] = {}

    def add(self, archive: Archive) -> None:
        self.archives[archive.endpoint.endpoint_id] = archive

    def all(self) -> Sequence[Archive]:
        return list(self.archives.values())

    def get(self, endpoint_id: str) -> Archive | None:
        return self.archives.get(endpoint_id)


class DirectRecorder:
    """Files fragments as the record would for a region of one feed: the business key is the logical id."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.fragments: list[Fragment] = []

    def record_fragments(self, fragments: Iterable[Fragment], *, source: str, observed_at: datetime) -> None:
        for fragment in fragments:
            self.fragments.append(fragment)
            self._storage.database.write(lambda c, f=fragment: self._file(c, f))

    def _file(self, connection: Any, fragment: Fragment) -> None:
        uow = self._storage.unit_of_work(connection)
        name = _logical_id(fragment.key.value)
        content = {"id": name, **fragment.content}
        patients = (name,) if fragment.resource_type == "Patient" else ()
        if "subject" in content:
            patient = _logical_id(content["subject"]["reference"].rpartition("|")[2])
            content["subject"], patients = {"reference": f"Patient/{patient}"}, (patient,)
        current = uow.find_current(fragment.resource_type, name, lock=True)
        if current is not None and fragment.resource_type == "Patient":
            return
        if current is not None and current.body is not None and fragment.resource_type == "ImagingStudy":
            before = json.loads(current.body).get("endpoint", [])
            content["endpoint"] = [*before, *[e for e in content["endpoint"] if e not in before]]
        old = extract(fragment.resource_type, json.loads(current.body)) if current and current.body else None
        version = NewVersion(
            fragment.resource_type, name, current.version_id + 1 if current else 1, "PUT", json.dumps(content).encode(),
            "RX1", patients, composed=True, index=extract(fragment.resource_type, content),
        )  # fmt: skip
        uow.store(version, current, *([old] if old is not None else []))


def _logical_id(value: str) -> str:
    return value.removeprefix("urn:oid:").replace("_", "-")[-64:]


class Region:
    """Everything wired over one database; `callers` by the name that the test client sends in X-Caller."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.database = Database(database_url or f"sqlite:///{folder / 'record.db'}")
        migrate(self.database)
        self.locations = StudyLocations(self.database)
        self.index = StoredInstances(self.database)
        self.directory = Directory()
        self.recorder = DirectRecorder(Storage(self.database))
        self.harvester = Harvester(self.locations, self.recorder, HarvestPlan(budget=10))
        self.store = RegionalImageStore(ObjectFiles(folder / "objects", 1 << 30), self.index)
        self.store_archive = StoreArchive(make_endpoint("store", "", "image-store", "Image store"), self.store)
        self.directory.add(self.store_archive)
        self.received = ReceivedStudies(
            self.store, self.index, self.locations, self.recorder, self.store_archive.endpoint
        )
        self.disclosed: list[Disclosure] = []
        self.callers = {"clinician": CLINICIAN, "system": SYSTEM}
        self.services = ImagingServices(
            studies=ImagingStudies(self.database, _numbers()),
            locator=Locator(self.directory, self.locations),
            availabilities=Availabilities(self.directory, self.locations),
            disclose=self.disclosed.append,
            store=self.store,
            object_source=lambda caller: source(f"stow:{caller.caller_id}"),
        )
        self.app = make_app(self.services, lambda: self.callers.get(request.headers.get("X-Caller", "system")))


def source(name: str) -> ObjectSource:
    return ObjectSource(name, "RX1", ISSUER_A, "urn:x-imaging-record:trust-a:accession")


def _numbers() -> ParameterNumbers:
    study, patient = definitions().search_parameters("ImagingStudy"), definitions().search_parameters("Patient")
    return ParameterNumbers(
        study["identifier"].number, study["started"].number, study["modality"].number, patient["identifier"].number
    )


def make_app(services: ImagingServices, caller: Callable[[], Caller | None]) -> Flask:
    """The doors, with callers and errors as the application treats them."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(make_blueprint(services))

    @app.before_request
    def admit() -> None:
        g.caller = caller()
        declaration = declaration_of(app.view_functions[request.endpoint or ""])
        assert declaration is not None
        enforce(declaration, g.caller)

    @app.errorhandler(RecordError)
    def answer(error: RecordError) -> Response:
        return Response(json.dumps([i.text for i in error.issues]), error.status, content_type="application/json")

    return app


class WebServer:
    """The application on a real socket, HTTP/1.1."""

    def __init__(self, app: Flask) -> None:
        handler = type("Handler", (WSGIRequestHandler,), {"protocol_version": "HTTP/1.1", "log": lambda *a: None})
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
