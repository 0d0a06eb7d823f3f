"""The demo region: the emulated trusts, where they are, and the process that plays them."""

from __future__ import annotations

import threading

from adapters.emulated_trust.region import Region
from adapters.emulated_trust.run import TrustEndpoints, plan_endpoints, start_region
from fhir_server.settings import Settings
from fhir_server.wiring.processes import required, stop_on_signals


def demo_trusts(settings: Settings) -> list[TrustEndpoints]:
    """The trusts of the demo region, and where their PACSs will be."""
    return plan_endpoints(settings.demo_pacs_port)


def demo_cases(settings: Settings) -> list[dict[str, str]]:
    """The people of the demo region whose stories show something."""
    return Region(1, settings.demo_patients).manifest()


def run_region(settings: Settings) -> None:
    """The process `region` of the demo: the trusts' pretended RISs and PACSs, their history, then live traffic."""
    stop, mllp, dicom = stop_on_signals(), required(settings.mllp_address), required(settings.dicom_address)
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
