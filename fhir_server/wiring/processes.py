"""The processes of `serve`: what runs in each, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from adapters.image_store.files import ObjectFiles
from adapters.image_store.receiver import ObjectReceiver
from adapters.ris_hl7v2.listener import serve_mllp
from fhir_server import logs
from fhir_server.imaging.registry import NewArchive, add_endpoint
from fhir_server.ingest.pipeline import run_filing
from fhir_server.ingest.services import IngestServices
from fhir_server.jobs.housekeeping import make_housekeeping_jobs
from fhir_server.jobs.periodic import PeriodicJob
from fhir_server.jobs.periodic import run_jobs as run_periodic_jobs
from fhir_server.metrics import set_quarantined
from fhir_server.settings import Address, Settings
from fhir_server.storage.accounts import now_us
from fhir_server.storage.archives import list_archives
from fhir_server.storage.database import Database
from fhir_server.storage.feed_state import feed_states
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring.imaging import IMAGE_STORE, archive_issuers, dicomweb_door
from fhir_server.wiring.services import make_services, open_database

PART_FAILED = logs.event("process.part-failed", "A part of a process failed; the process ends.", "child", level=40)
_TOKENS_KEPT_US = 3600 * 1_000_000


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


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def required(address: Address | None) -> Address:
    """The address; ValueError when the part is off (`serve` then starts no process for it)."""
    if address is None:
        raise ValueError("this part of the record is off")
    return address


def _beside(stop: threading.Event, name: str, work: Callable[[], None]) -> threading.Thread:
    """Run a part in a thread. When it fails the process ends, to be started anew: never half a process unnoticed."""

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (whatever it is, the supervisor's restart is the answer)
            PART_FAILED(child=name, exc=error)
            stop.set()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread


def run_feeds(settings: Settings) -> None:
    """The process `feeds`: the MLLP listener, and the filing of what it received."""
    stop, address = stop_on_signals(), required(settings.mllp_address)
    services = IngestServices(Storage(open_database(settings)), settings)
    filing = _beside(stop, "filing", lambda: run_filing(services, stop))
    serve_mllp(services, address.host, address.port, stop)
    stop.set()
    filing.join()


def run_jobs(settings: Settings) -> None:
    """The process `jobs`: harvest and probes, housekeeping."""
    stop = stop_on_signals()
    services = make_services(settings, "jobs")
    imaging = _beside(stop, "imaging", lambda: services.imaging.work().run(stop))
    jobs = [
        *make_housekeeping_jobs(services.record.storage, settings.data_dir / "spool"),
        PeriodicJob("quarantine-gauge", 15.0, lambda _stop: _count_quarantined(services.database)),
        PeriodicJob("tokens", 600.0, lambda _stop: services.accounts.forget_expired(now_us() - _TOKENS_KEPT_US)),
    ]
    run_periodic_jobs(services.record.storage, jobs, stop)
    stop.set()
    imaging.join()


def _count_quarantined(database: Database) -> None:
    with database.read() as connection:
        for state in feed_states(connection, now_us()):
            set_quarantined(state.name or "unknown-sender", state.quarantined)


def run_dicom(settings: Settings) -> None:
    """The process `dicom`: the C-STORE receiver of the region's image store."""
    stop, address = stop_on_signals(), required(settings.dicom_address)
    imaging = make_services(settings, "dicom").imaging
    receiver = ObjectReceiver(imaging.store, imaging.source_of, settings.aet)
    receiver.start(address.host, address.port)
    stop.wait()
    receiver.stop()
