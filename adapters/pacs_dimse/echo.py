"""C-ECHO (PS3.7 section 9.1.5): whether the peer's application entity answers at all."""

from __future__ import annotations

from pynetdicom import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from adapters.pacs_dimse.association import Peer, associate
from fhir_server.imaging.ports import NoAnswer


def echo(peer: Peer, budget: float) -> None:
    """Raise what is wrong; return when the peer answered success."""
    with associate(peer, [build_context(Verification)], answer_s=budget) as association:
        status = association.send_c_echo()
        if getattr(status, "Status", None) != 0:
            raise NoAnswer(f"{peer.label} did not answer a C-ECHO.")
