"""Starting the demo region: every trust's PACS on its ports, every RIS's connection, and the story to tell.

As a program (`python -m adapters.emulated_trust.run`) it writes one JSON line with the endpoints and the manifest,
sends the history (with --hold: once told to `begin`, so that its feeds can be registered first), then live traffic, and
with --control obeys `stop RNQ`, `start RNQ`, `freeze RX1`, `thaw RX1`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from adapters.emulated_trust.diary import Diary
from adapters.emulated_trust.exam import RegionExam
from adapters.emulated_trust.history import Progress, load_history
from adapters.emulated_trust.live import run_live
from adapters.emulated_trust.mllp_client import MllpClient
from adapters.emulated_trust.pacs import Pacs, PacsPorts
from adapters.emulated_trust.pacs_dimse import Peer
from adapters.emulated_trust.region import Region
from adapters.emulated_trust.systems import TrustSystems
from adapters.emulated_trust.trusts import TRUSTS, Trust

_STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class TrustEndpoints:
    """What the region must know to talk to a trust: who its RIS says it is, and where its PACS answers.

    `dicomweb_url` is None for a PACS without DICOMweb. `archive` is "dicomweb", "dimse" or "down".
    """

    ods: str
    name: str
    sites: dict[str, str]
    ris_application: str
    aet: str
    dicomweb_url: str | None
    dimse_host: str
    dimse_port: int
    archive: str

    @property
    def dimse_url(self) -> str:
        """The address to register a DIMSE endpoint under."""
        return f"dicom://{self.aet}@{self.dimse_host}:{self.dimse_port}"


@dataclass
class RunningRegion:
    """The region while it runs. `systems` are by ODS code: `systems["RX1"].pacs.stop()` takes a PACS down."""

    region: Region
    systems: dict[str, TrustSystems]
    diary: Diary | None = None
    outage_after_s: float = 20.0
    _outage: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _live: threading.Thread | None = None

    @property
    def manifest(self) -> list[dict[str, str]]:
        return self.region.manifest()

    @property
    def endpoints(self) -> list[TrustEndpoints]:
        return [_endpoints(system.trust, system.pacs) for system in self.systems.values()]

    def load_history(self, progress: Progress = lambda done, total: None) -> int:
        """Send the story so far; returns when every message is acknowledged or the region is stopped.

        A PACS that is to be down goes down `outage_after_s` seconds later, so that the region has had time to learn
        what it holds: an archive that was never up would look like one without images.
        """
        sent = load_history(self.region, self.systems, progress, self._stop)
        self._outage = threading.Thread(target=self._take_down, name="outage", daemon=True)
        self._outage.start()
        return sent

    def _take_down(self) -> None:
        self._stop.wait(self.outage_after_s)
        for system in self.systems.values():
            if system.trust.archive == "down":
                system.pacs.stop()

    def start_live(self, exams_per_minute: float = 6.0) -> None:
        """Let new exams flow in a thread of their own until `stop`."""
        arguments = (self.region, self.systems, self._stop, exams_per_minute, self.diary)
        self._live = threading.Thread(target=run_live, args=arguments, name="live", daemon=True)
        self._live.start()

    def stop(self) -> None:
        self._stop.set()
        for system in self.systems.values():
            system.ris.close()
        for thread in (self._live, self._outage):
            if thread is not None:
                thread.join(_STOP_TIMEOUT_S)
        with ThreadPoolExecutor(len(self.systems)) as pool:  # each waits for its listeners' next poll
            list(pool.map(lambda system: system.pacs.stop(), self.systems.values()))


def start_region(
    mllp: tuple[str, int],
    dicom: tuple[str, int, str],
    patients: int = 40,
    port_base: int = 0,
    seed: int = 1,
    diary_path: Path | None = None,
) -> RunningRegion:
    """Open the PACSs' doors and make ready to send; nothing is sent before `load_history` or `start_live`.

    `mllp` and `dicom` are the region's doors (host, port; host, port, AE title). PACS ports count up from `port_base`
    (two for each trust, see `plan_endpoints`), or are free ones when it is 0. With a diary file, a region that is
    started again tells the same story, and its PACSs still hold the images of earlier live exams.
    """
    diary = Diary(diary_path) if diary_path else None
    region = diary.tell(seed, patients) if diary else Region(seed, patients)
    door = Peer(dicom[2], dicom[0], dicom[1])
    systems = {
        trust.ods: TrustSystems(trust, MllpClient(*mllp), _start_pacs(region, trust, port_base, door), door)
        for trust in region.trusts
    }
    for exam in diary.live_exams(region) if diary else ():
        _keep(systems[exam.trust.ods], exam)
    return RunningRegion(region, systems, diary)


def _keep(system: TrustSystems, exam: RegionExam) -> None:
    plan = exam.study()
    if plan is not None:
        system.keep(plan)


def plan_endpoints(port_base: int) -> list[TrustEndpoints]:
    """Where `start_region` with this `port_base` (not 0) will put each trust, for registering them beforehand."""
    return [_endpoints(trust, _make_pacs(trust, port_base)) for trust in TRUSTS]


def _make_pacs(trust: Trust, port_base: int) -> Pacs:
    place = port_base + 2 * TRUSTS.index(trust)
    ports = PacsPorts(place, place + 1) if port_base else PacsPorts()
    return Pacs(trust.aet, ports, dicomweb=trust.archive != "dimse")


def _start_pacs(region: Region, trust: Trust, port_base: int, door: Peer) -> Pacs:
    pacs = _make_pacs(trust, port_base)
    pacs.add_destination(door)
    for plan in region.studies(trust):
        pacs.add(plan)
    pacs.start()
    return pacs


def _endpoints(trust: Trust, pacs: Pacs) -> TrustEndpoints:
    return TrustEndpoints(
        ods=trust.ods,
        name=trust.name,
        sites={site.code: site.name for site in trust.sites},
        ris_application=trust.ris,
        aet=trust.aet,
        dicomweb_url=pacs.dicomweb_url if pacs.dicomweb else None,
        dimse_host="127.0.0.1",
        dimse_port=pacs.dimse_port,
        archive=trust.archive,
    )


def describe(running: RunningRegion) -> dict[str, object]:
    """Endpoints and manifest as JSON values."""
    endpoints = [asdict(each) | {"dimse_url": each.dimse_url} for each in running.endpoints]
    return {"endpoints": endpoints, "cases": running.manifest}


if __name__ == "__main__":
    from adapters.emulated_trust.program import main

    main()
