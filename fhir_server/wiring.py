"""The composition root: it makes the services from the settings, and is the only module here that imports adapters."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adapters.emulated_trust.region import Region
from adapters.emulated_trust.run import TrustEndpoints, plan_endpoints, start_region
from adapters.image_store.archive import StoreArchive
from adapters.image_store.files import ObjectFiles
from adapters.image_store.receiver import ObjectReceiver
from adapters.image_store.store import RegionalImageStore
from adapters.pacs_dicomweb.archive import DicomWebArchive
from adapters.pacs_dicomweb.limits import Limits
from adapters.pacs_dimse.archive import DimseArchive, StagingArea
from adapters.pacs_dimse.association import Peer
from adapters.ris_hl7v2.listener import serve_mllp
from conformance.definitions import definitions
from fhir_server.access.caller import Caller
from fhir_server.access.routes import make_blueprint as make_oauth_blueprint
from fhir_server.access.sessions import SessionRules, Sessions
from fhir_server.access.tokens import TokenVerifier
from fhir_server.api.routes import fhir
from fhir_server.audit.disclosure import DisclosedVersion
from fhir_server.audit.disclosure import Disclosure as AuditDisclosure
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.errors import RecordError, Unavailable
from fhir_server.health import Check
from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.doors import register_imaging
from fhir_server.imaging.harvest import Harvester, HarvestPlan
from fhir_server.imaging.locate import Locator
from fhir_server.imaging.ports import Archive, ArchiveEndpoint, ObjectSource
from fhir_server.imaging.received import ReceivedStudies
from fhir_server.imaging.registry import NewArchive, add_endpoint
from fhir_server.imaging.services import Disclosure as ImagingDisclosure
from fhir_server.imaging.services import ImagingServices
from fhir_server.imaging.work import ImagingWork, WorkPlan
from fhir_server.ingest.pipeline import run_filing
from fhir_server.ingest.recording import FragmentRecorder
from fhir_server.ingest.services import IngestServices
from fhir_server.ingest.site_profiles import default_profile, load_profile
from fhir_server.interactions.exchange import Record
from fhir_server.jobs.housekeeping import make_housekeeping_jobs
from fhir_server.jobs.periodic import PeriodicJob
from fhir_server.jobs.periodic import run_jobs as run_periodic_jobs
from fhir_server.portal.routes import error_page
from fhir_server.portal.routes import make_blueprint as make_portal_blueprint
from fhir_server.portal.services import PortalServices
from fhir_server.settings import Address, Settings
from fhir_server.storage.accounts import Accounts, now_us
from fhir_server.storage.archives import ArchiveRecord, list_archives
from fhir_server.storage.database import Database
from fhir_server.storage.feeds import find_trust
from fhir_server.storage.imaging import StoredInstances, StudyLocations
from fhir_server.storage.imaging_studies import ImagingStudies, ParameterNumbers
from fhir_server.storage.migrate import check_schema, migrate
from fhir_server.storage.resources import Resources
from fhir_server.storage.unit_of_work import Storage

IMAGE_STORE = "image-store"
_DIRECTORY_MEMORY_S = 2.0
_TOKENS_KEPT_US = 3600 * 1_000_000


@dataclass
class Services:
    """What the doors and the jobs of one process work with."""

    settings: Settings
    record: Record
    accounts: Accounts
    tokens: TokenVerifier
    sessions: Sessions
    error_page: Callable[[RecordError], Any] | None = None

    @property
    def database(self) -> Database:
        return self.record.database

    @cached_property
    def imaging(self) -> Imaging:
        return Imaging(self)

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must work for this process to be ready."""
        return {"database": self._check_database, "migrations": self._check_migrations, "audit spool": self._check_spool}

    def _check_database(self) -> str:
        self.database.ping()
        return "answers"

    def _check_migrations(self) -> str:
        check_schema(self.database)
        return "up to date"

    def _check_spool(self) -> str:
        self.record.spool.check()
        return "takes disclosures"


def database_url(settings: Settings) -> str:
    """The store's URL; the embedded SQLite file of the data folder when none is set."""
    return settings.database or f"sqlite:///{(settings.data_dir / 'record.db').absolute()}"


def open_database(settings: Settings) -> Database:
    """The database, migrated; Unavailable when it cannot be reached."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(database_url(settings))
    migrate(database)
    return database


def make_services(settings: Settings, process: str, database: Database | None = None) -> Services:
    """The services of a process named `process` (its disclosures are spooled under that name)."""
    database = database or open_database(settings)
    accounts = Accounts(database)
    spool = DisclosureSpool(settings.data_dir / "spool", process, sync_s=settings.spool_sync_ms / 1000)
    rules = SessionRules(
        settings.session_idle_s,
        settings.session_lifetime_s,
        settings.password_failures_max,
        settings.password_lockout_s,
    )
    record = Record(settings, Storage(database), Resources(database), spool)
    return Services(settings, record, accounts, TokenVerifier(accounts), Sessions(accounts, rules))


class RegisteredArchives:
    """The archives in the registry, each behind its adapter (`imaging.ports.ArchiveDirectory`)."""

    def __init__(self, database: Database, make: Callable[[ArchiveRecord], Archive]) -> None:
        self._database = database
        self._make = make
        self._turn = threading.Lock()
        self._read_at = 0.0
        self._records: dict[str, ArchiveRecord] = {}
        self._made: dict[str, tuple[ArchiveRecord, Archive]] = {}

    def all(self) -> Sequence[Archive]:
        return [self._archive(record) for record in self.records().values()]

    def get(self, endpoint_id: str) -> Archive | None:
        record = self.records().get(endpoint_id)
        return None if record is None else self._archive(record)

    def records(self) -> dict[str, ArchiveRecord]:
        """By endpoint id; read anew every two seconds."""
        with self._turn:
            if time.monotonic() - self._read_at > _DIRECTORY_MEMORY_S:
                self._records = {r.endpoint_id: r for r in list_archives(self._database)}
                self._read_at = time.monotonic()
            return self._records

    def _archive(self, record: ArchiveRecord) -> Archive:
        with self._turn:
            known = self._made.get(record.endpoint_id)
            if known is not None and known[0] == record:
                return known[1]
            made = self._make(record)
            self._made[record.endpoint_id] = (record, made)
            return made


class Imaging:
    """The imaging room of one process: the image store, the archives, and who may store."""

    def __init__(self, services: Services) -> None:
        settings, database = services.settings, services.database
        self._settings, self._database = settings, database
        self._spool = services.record.spool
        self.instances = StoredInstances(database)
        self.locations = StudyLocations(database)
        self.files = ObjectFiles(settings.data_dir / "images", settings.store_bytes_max)
        self.store = RegionalImageStore(self.files, self.instances)
        self.directory = RegisteredArchives(database, self._make_archive)
        self.availabilities = Availabilities(self.directory, self.locations)
        self.recorder = FragmentRecorder(services.record.storage, self._custodian_of)

    def doors(self) -> ImagingServices:
        """What the DICOMweb doors work with."""
        return ImagingServices(
            ImagingStudies(self._database, _parameter_numbers()),
            Locator(self.directory, self.locations),
            self.availabilities,
            self._disclose,
            self.store,
            self._client_source,
            self._settings.store_bytes_max,
            self._settings.assets_dir,
        )

    def work(self) -> ImagingWork:
        """Harvest, probes, and the recording of received studies."""
        s = self._settings
        plan = WorkPlan(
            s.harvest_interval_s, s.harvest_sweep_interval_s, s.harvest_sweep_days, s.probe_interval_s,
            s.pacs_list_timeout_s,
        )  # fmt: skip
        harvester = Harvester(self.locations, self.recorder, HarvestPlan(s.harvest_recent_days))
        received = ReceivedStudies(
            self.store, self.instances, self.locations, self.recorder, self._endpoint(self._own_record())
        )
        return ImagingWork(self.directory, self.locations, harvester, received, plan)

    def source_of(self, calling_aet: str) -> ObjectSource | None:
        """Whose objects a calling AE title sends: the registered archive of that title."""
        for record in self.directory.records().values():
            if record.aet == calling_aet:
                return ObjectSource(calling_aet, record.trust, record.patient_issuer, record.accession_issuer)
        return None

    def _client_source(self, caller: Caller) -> ObjectSource | None:
        trust = caller.trust or self._settings.host_ods_code
        return ObjectSource(f"stow:{caller.caller_id}", trust, *archive_issuers(trust))

    def _custodian_of(self, source: str) -> str:
        """The trust behind `pacs:<endpoint id>` or `store:<calling AE title>`."""
        kind, _, name = source.partition(":")
        records = self.directory.records()
        if kind == "pacs" and name in records:
            return records[name].trust
        if kind == "store" and (known := self.source_of(name)) is not None:
            return known.trust
        return self._settings.host_ods_code

    def _own_record(self) -> ArchiveRecord:
        for record in self.directory.records().values():
            if record.kind == IMAGE_STORE:
                return record
        raise Unavailable("The image store is not registered; start the record with `imaging-record serve`.")

    def _endpoint(self, record: ArchiveRecord) -> ArchiveEndpoint:
        address = f"dicom://{record.aet}@{record.address}" if record.kind == "dimse" else record.address
        return ArchiveEndpoint(
            record.endpoint_id, record.name, record.trust, trust_name(self._database, record.trust), record.kind,
            address, record.patient_issuer, record.accession_issuer, self._settings.search_timezone,
        )  # fmt: skip

    def _make_archive(self, record: ArchiveRecord) -> Archive:
        endpoint, s = self._endpoint(record), self._settings
        if record.kind == IMAGE_STORE:
            return StoreArchive(endpoint, self.store)
        if record.kind == "dimse":
            host, _, port = record.address.rpartition(":")
            peer = Peer(
                record.aet, host, int(port), endpoint.trust_name, s.aet,
                answer_s=s.pacs_first_byte_timeout_s, idle_s=s.pacs_idle_timeout_s,
            )  # fmt: skip
            return DimseArchive(
                endpoint, peer, StagingArea(StoreArchive(endpoint, self.store), self.store, self.instances)
            )
        limits = Limits(
            connections=s.pacs_connections_max, first_byte_s=s.pacs_first_byte_timeout_s, idle_s=s.pacs_idle_timeout_s
        )
        return DicomWebArchive(endpoint, limits)

    def _disclose(self, shown: ImagingDisclosure) -> None:
        caller = shown.caller
        self._spool.append(
            AuditDisclosure(
                now_us(), f"images-{shown.interaction}", "E" if shown.interaction == "search" else "R",
                caller.kind.value, caller.caller_id, caller.name, caller.role, caller.trust, caller.session,
                query=shown.query,
                entries=tuple(
                    DisclosedVersion("ImagingStudy", s.resource_id, s.version_id, tuple(filter(None, [s.patient_id])))
                    for s in shown.studies
                ),
            )
        )  # fmt: skip


def _parameter_numbers() -> ParameterNumbers:
    study, patient = definitions().search_parameters("ImagingStudy"), definitions().search_parameters("Patient")
    return ParameterNumbers(
        study["identifier"].number, study["started"].number, study["modality"].number, patient["identifier"].number
    )


def archive_issuers(trust: str) -> tuple[str, str]:
    """The systems of the patient and accession numbers in a trust's headers: those of its RIS."""
    profile = load_profile(default_profile(trust), trust)
    return profile.system("mrn"), profile.system("accession")


def trust_name(database: Database, ods: str) -> str:
    """The registered name of a trust; its code when it is not registered."""
    with database.read() as connection:
        record = find_trust(connection, ods)
    return ods if record is None else record.name


def dicomweb_door(settings: Settings) -> str:
    """The region's own DICOMweb root, as Endpoints publish it."""
    return f"{settings.base_url or f'http://{settings.http}'}/dicomweb"


def register_doors(app: Any, services: Services) -> None:
    """Register every blueprint on the Flask application."""
    app.register_blueprint(fhir)
    app.register_blueprint(make_oauth_blueprint(services.settings, services.accounts))
    register_imaging(app, services.imaging.doors())
    imaging = services.imaging
    app.register_blueprint(
        make_portal_blueprint(
            PortalServices(
                services.settings, services.record.storage, services.sessions, imaging.availabilities, imaging.locations
            )
        )
    )
    services.error_page = error_page


def prepare(settings: Settings) -> None:
    """Once, before the processes of `serve` start: the schema, and the image store's own Endpoint."""
    database = open_database(settings)
    if not any(r.kind == IMAGE_STORE for r in list_archives(database)):
        host = settings.host_ods_code
        store = NewArchive(
            "Regional image store", host, settings.region_name, IMAGE_STORE, "local", settings.aet,
            *archive_issuers(host),
        )  # fmt: skip
        add_endpoint(Storage(database), store, dicomweb_door(settings))
    ObjectFiles(settings.data_dir / "images", settings.store_bytes_max).sweep_incoming()
    database.close()


def demo_trusts(settings: Settings) -> list[TrustEndpoints]:
    """The trusts of the demo region, and where their PACSs will be."""
    return plan_endpoints(settings.demo_pacs_port)


def demo_cases(settings: Settings) -> list[dict[str, str]]:
    """The people of the demo region whose stories show something."""
    return Region(1, settings.demo_patients).manifest()


def run_region(settings: Settings) -> None:
    """The process `region` of the demo: the trusts' pretended RISs and PACSs, their history, then live traffic."""
    stop, mllp, dicom = _stop_on_signals(), _required(settings.mllp_address), _required(settings.dicom_address)
    region = start_region(
        (mllp.host, mllp.port),
        (dicom.host, dicom.port, settings.aet),
        settings.demo_patients,
        settings.demo_pacs_port,
        diary_path=settings.data_dir / "demo-diary.json",
    )
    telling = threading.Thread(target=region.load_history, name="history", daemon=True)
    telling.start()
    while telling.is_alive() and not stop.wait(0.2):
        pass
    if settings.demo_exams_per_minute > 0 and not stop.is_set():
        region.start_live(settings.demo_exams_per_minute)
    stop.wait()
    region.stop()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _required(address: Address | None) -> Address:
    if address is None:
        raise ValueError("this part of the record is off")
    return address


def run_feeds(settings: Settings) -> None:
    """The process `feeds`: the MLLP listener, and the filing of what it received."""
    stop, address = _stop_on_signals(), _required(settings.mllp_address)
    services = IngestServices(Storage(open_database(settings)), settings)
    filing = threading.Thread(target=run_filing, args=(services, stop), name="filing")
    filing.start()
    serve_mllp(services, address.host, address.port, stop)
    stop.set()
    filing.join()


def run_jobs(settings: Settings) -> None:
    """The process `jobs`: harvest and probes, housekeeping."""
    stop = _stop_on_signals()
    services = make_services(settings, "jobs")
    imaging = threading.Thread(target=services.imaging.work().run, args=(stop,), name="imaging")
    imaging.start()
    jobs = [
        *make_housekeeping_jobs(services.record.storage, settings.data_dir / "spool"),
        PeriodicJob("tokens", 600.0, lambda _stop: services.accounts.forget_expired(now_us() - _TOKENS_KEPT_US)),
    ]
    run_periodic_jobs(services.record.storage, jobs, stop)
    stop.set()
    imaging.join()


def run_dicom(settings: Settings) -> None:
    """The process `dicom`: the C-STORE receiver of the region's image store."""
    stop, address = _stop_on_signals(), _required(settings.dicom_address)
    imaging = make_services(settings, "dicom").imaging
    receiver = ObjectReceiver(imaging.store, imaging.source_of, settings.aet)
    receiver.start(address.host, address.port)
    stop.wait()
    receiver.stop()
