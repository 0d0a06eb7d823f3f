"""The imaging room of one process: the image store, the registered archives behind their adapters, who may store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from adapters.image_store.archive import StoreArchive
from adapters.image_store.files import ObjectFiles
from adapters.image_store.store import RegionalImageStore
from adapters.pacs_dicomweb.archive import DicomWebArchive
from adapters.pacs_dicomweb.limits import Limits
from adapters.pacs_dimse.archive import DimseArchive, StagingArea
from adapters.pacs_dimse.association import Peer
from conformance.definitions import definitions
from fhir_server.access.caller import Caller
from fhir_server.audit.disclosure import DisclosedVersion
from fhir_server.audit.disclosure import Disclosure as AuditDisclosure
from fhir_server.errors import Unavailable
from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.harvest import Harvester, HarvestPlan
from fhir_server.imaging.locate import Locator
from fhir_server.imaging.ports import Archive, ArchiveEndpoint, ObjectSource
from fhir_server.imaging.received import ReceivedStudies
from fhir_server.imaging.services import Disclosure as ImagingDisclosure
from fhir_server.imaging.services import ImagingServices
from fhir_server.imaging.work import ImagingWork, WorkPlan
from fhir_server.ingest.recording import FragmentRecorder
from fhir_server.ingest.site_profiles import default_profile, load_profile
from fhir_server.interactions.exchange import Record
from fhir_server.settings import Settings
from fhir_server.storage.accounts import now_us
from fhir_server.storage.archives import ArchiveRecord, list_archives
from fhir_server.storage.database import Database
from fhir_server.storage.feeds import find_trust
from fhir_server.storage.imaging import StoredInstances, StudyLocations
from fhir_server.storage.imaging_studies import ImagingStudies, ParameterNumbers

IMAGE_STORE = "image-store"
_DIRECTORY_MEMORY_S = 2.0


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

    def __init__(self, settings: Settings, record: Record) -> None:
        self._settings, self._database = settings, record.database
        self._spool, database = record.spool, record.database
        self.instances = StoredInstances(database)
        self.locations = StudyLocations(database)
        self.files = ObjectFiles(settings.data_dir / "images", settings.store_bytes_max)
        self.store = RegionalImageStore(self.files, self.instances)
        self.directory = RegisteredArchives(database, self._make_archive)
        self.availabilities = Availabilities(self.directory, self.locations)
        self.recorder = FragmentRecorder(record.storage, self._custodian_of)

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
            base_url=self._settings.base_url,
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
            area = StagingArea(StoreArchive(endpoint, self.store), self.store, self.instances)
            return DimseArchive(endpoint, peer, area, lambda uid: self._instances_at(record.endpoint_id, uid))
        limits = Limits(
            connections=s.pacs_connections_max, first_byte_s=s.pacs_first_byte_timeout_s, idle_s=s.pacs_idle_timeout_s
        )
        return DicomWebArchive(endpoint, limits)

    def _instances_at(self, endpoint_id: str, study_uid: str) -> int | None:
        """How many objects of the study the archive was last seen to hold."""
        known = self.locations.known(endpoint_id, [study_uid]).get(study_uid)
        return None if known is None else known.instance_count

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
