"""The systems of one trust that talk to the region: its RIS's sending end and its PACS."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from adapters.emulated_trust.messages import TimedMessage
from adapters.emulated_trust.mllp_client import MllpClient
from adapters.emulated_trust.pacs import Pacs
from adapters.emulated_trust.pacs_dimse import Peer, StoreFailed
from adapters.emulated_trust.study import StudyPlan
from adapters.emulated_trust.trusts import Trust

_PUSH_RETRY_S = 2.0
_PUSHES_MAX = 30


@dataclass(frozen=True)
class TrustSystems:
    """A trust's RIS and PACS, and the region's DICOM door that a PACS without DICOMweb sends to."""

    trust: Trust
    ris: MllpClient
    pacs: Pacs
    region: Peer

    def send(self, message: TimedMessage) -> str:
        """Send one message and wait for its acknowledgement code."""
        return self.ris.send(message.payload)

    def keep(self, plan: StudyPlan) -> None:
        """The study is in the archive from now on."""
        self.pacs.add(plan)

    def forward(self, plan: StudyPlan, stop: threading.Event) -> bool:
        """What the PACS does with a new study: one without DICOMweb sends it on, and tries again when refused."""
        if self.trust.archive != "dimse":
            return True
        for _ in range(_PUSHES_MAX):
            try:
                self.pacs.push(plan.study_instance_uid, self.region)
            except StoreFailed:
                if stop.wait(_PUSH_RETRY_S):
                    return False
            else:
                return True
        return False
