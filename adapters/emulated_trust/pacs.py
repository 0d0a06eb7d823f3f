"""One trust's PACS: an archive with a DICOMweb and a DIMSE door, which can be down, frozen and up again at run time."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.emulated_trust.archive import Archive
from adapters.emulated_trust.pacs_dicomweb import make_application
from adapters.emulated_trust.pacs_dimse import DimseListener, Peer, send_study
from adapters.emulated_trust.pacs_http import HttpListener
from adapters.emulated_trust.study import StudyPlan


@dataclass(frozen=True)
class PacsPorts:
    """Ports on loopback; 0 takes a free one at the first start and keeps it."""

    http: int = 0
    dimse: int = 0


class Pacs:
    """A PACS of one trust. `stop` closes its ports, `freeze` accepts connections and answers nobody."""

    def __init__(self, aet: str, ports: PacsPorts = PacsPorts(), dicomweb: bool = True) -> None:  # noqa: B008 (frozen)
        self.aet = aet
        self.dicomweb = dicomweb
        self.archive = Archive()
        self._http = HttpListener(make_application(self.archive), ports.http)
        self._dimse = DimseListener(self.archive, aet, ports.dimse)
        self.running = False

    @property
    def dicomweb_url(self) -> str:
        """The DICOMweb root; nothing listens there when the PACS has no DICOMweb."""
        return f"http://127.0.0.1:{self._http.port}/dicom-web"

    @property
    def http_port(self) -> int:
        return self._http.port

    @property
    def dimse_port(self) -> int:
        return self._dimse.port

    def start(self) -> None:
        if self.dicomweb:
            self._http.start()
        self._dimse.start()
        self.running = True

    def stop(self) -> None:
        self._http.stop()
        self._dimse.stop()
        self.running = False

    def freeze(self) -> None:
        self._http.freeze()
        self._dimse.freeze()

    def thaw(self) -> None:
        self._http.thaw()
        self._dimse.thaw()

    def add(self, plan: StudyPlan) -> None:
        self.archive.add(plan)

    def add_destination(self, peer: Peer) -> None:
        """Let C-MOVE send to this AE title."""
        self._dimse.destinations[peer.aet] = peer

    def push(self, study_instance_uid: str, peer: Peer, headers_only: bool = False) -> int:
        """Send a study by C-STORE, as a PACS does by routing rule; returns how many objects were taken."""
        return send_study(self.archive, study_instance_uid, self.aet, peer, headers_only)
