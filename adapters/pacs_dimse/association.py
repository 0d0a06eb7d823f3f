"""One association to one archive, opened, bounded and closed; failures say in which phase they happened.

PS3.7 (DIMSE) and PS3.8 (association negotiation).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, _config, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext

from fhir_server.imaging.ports import NoAnswer, NotConnected, WrongAnswer

_ADDRESS = re.compile(r"dicom://(?P<aet>[^@/]{1,16})@(?P<host>\[[^\]]+\]|[^:/]+):(?P<port>[0-9]{1,5})/?")


@dataclass(frozen=True)
class Peer:
    """Where an archive listens, how it is called, and how it knows us; times in seconds."""

    aet: str
    host: str
    port: int
    label: str
    our_aet: str
    connect_s: float = 2.0
    answer_s: float = 5.0
    idle_s: float = 20.0
    move: bool = False  # C-MOVE to our receiver instead of C-GET


def parse_address(address: str, label: str, our_aet: str) -> Peer:
    """`dicom://AET@host:port`; ValueError when it is not one."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError("a DIMSE address is written dicom://AET@host:port")
    return Peer(match["aet"], match["host"].strip("[]"), int(match["port"]), label, our_aet)


@contextmanager
def associate(
    peer: Peer,
    contexts: list[PresentationContext],
    *,
    on_store: Callable[[Event], int] | None = None,
    answer_s: float | None = None,
) -> Iterator[Association]:
    """An accepted association; `on_store` also takes objects in on it (the sub-operations of C-GET)."""
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False  # they are patient data
    entity = AE(ae_title=peer.our_aet)
    entity.connection_timeout, entity.acse_timeout = peer.connect_s, peer.answer_s
    entity.dimse_timeout, entity.network_timeout = answer_s or peer.answer_s, peer.idle_s
    connected: list[bool] = []
    handlers: list[Any] = [
        (evt.EVT_CONN_OPEN, _set_no_delay),
        (evt.EVT_CONN_OPEN, lambda event: connected.append(True)),
    ]
    roles: list[Any] = []
    if on_store is not None:
        handlers.append((evt.EVT_C_STORE, on_store))
        roles = [build_role(c.abstract_syntax, scp_role=True) for c in contexts[1:] if c.abstract_syntax]
    association = entity.associate(
        peer.host, peer.port, contexts=contexts, ae_title=peer.aet, ext_neg=roles or None, evt_handlers=handlers
    )
    if not association.is_established:
        raise _refused(association, peer, bool(connected))
    try:
        yield association
    finally:
        _leave(association)


def _refused(association: Association, peer: Peer, connected: bool) -> Exception:
    if association.is_rejected:
        return WrongAnswer(f"{peer.label} refused the association (AE titles or contexts do not agree).")
    if connected:
        return NoAnswer(f"{peer.label} took the connection and did not answer the association request.")
    return NotConnected(f"{peer.label} cannot be reached.")


def _leave(association: Association) -> None:
    if association.is_established:
        association.release()
    else:
        association.abort()


def _set_no_delay(event: Event) -> None:
    connection = getattr(getattr(event.assoc.dul, "socket", None), "socket", None)
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
