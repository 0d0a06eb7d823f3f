"""The DIMSE side of a PACS: verification, query/retrieve and storage (DICOM PS3.4 annexes A, B and C, PS3.7)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from adapters.emulated_trust.archive import Archive, Held
from adapters.emulated_trust.dataset import make_file_meta, make_header, make_instance
from adapters.emulated_trust.images import KINDS
from adapters.emulated_trust.query import Level, find_matches

STORED_CLASSES = sorted({kind.sop_class_uid for kind in KINDS.values()})
_SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_FIND = (StudyRootQueryRetrieveInformationModelFind, PatientRootQueryRetrieveInformationModelFind)
_MOVE = (StudyRootQueryRetrieveInformationModelMove, PatientRootQueryRetrieveInformationModelMove)
_GET = (StudyRootQueryRetrieveInformationModelGet, PatientRootQueryRetrieveInformationModelGet)
_SUCCESS, _PENDING, _CANCEL = 0x0000, 0xFF00, 0xFE00
_IDENTIFIER_DOES_NOT_MATCH = 0xA900


class StoreFailed(Exception):
    """A receiver did not take an object: no association, or a status that is not success or warning."""


@dataclass(frozen=True)
class Peer:
    """An application entity and where it listens."""

    aet: str
    host: str
    port: int


@dataclass
class DimseListener:
    """One AE title on one loopback port. Knows its C-MOVE destinations by AE title."""

    archive: Archive
    aet: str
    port: int
    destinations: dict[str, Peer] = field(default_factory=dict)
    _server: Any = None
    _moving: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        if self._server is not None:
            return
        self._moving.set()
        _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False  # they name patients
        entity = AE(ae_title=self.aet)
        entity.require_called_aet = True
        for sop_class in (Verification, *_FIND, *_MOVE, *_GET):
            entity.add_supported_context(sop_class, _SYNTAXES)
        for uid in STORED_CLASSES:  # a C-GET requester is the one that accepts storage
            entity.add_supported_context(uid, _SYNTAXES, scu_role=True, scp_role=True)
            entity.add_requested_context(uid, _SYNTAXES)  # for the association that C-MOVE opens
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=self._handlers())
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        if self._server is not None:
            self._moving.set()
            self._server.shutdown()
            self._server = None

    def freeze(self) -> None:
        self._moving.clear()

    def thaw(self) -> None:
        self._moving.set()

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_CONN_OPEN, send_without_delay),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_C_GET, self._get),
        ]

    def _echo(self, event: evt.Event) -> int:
        self._moving.wait()
        return _SUCCESS

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        self._moving.wait()
        level = _level(event.identifier)
        if level is None:
            yield _IDENTIFIER_DOES_NOT_MATCH, None
            return
        for match in find_matches(self.archive, level, event.identifier):
            if event.is_cancelled:
                yield _CANCEL, None
                return
            yield _PENDING, self._answer(match, event.identifier)

    def _answer(self, match: Dataset, keys: Dataset) -> Dataset:
        answer = Dataset()
        for key in keys:
            answer.add(match[key.tag] if key.tag in match else _empty(key))
        answer.QueryRetrieveLevel = keys.QueryRetrieveLevel
        answer.SpecificCharacterSet = match.SpecificCharacterSet
        answer.RetrieveAETitle = self.aet
        return answer

    def _move(self, event: evt.Event) -> Iterator[Any]:
        self._moving.wait()
        peer = self.destinations.get(str(event.move_destination).strip())
        if peer is None:
            yield None, None
            return
        yield peer.host, peer.port, {"ae_title": peer.aet, "evt_handlers": [(evt.EVT_CONN_OPEN, send_without_delay)]}
        yield from self._objects(event)

    def _get(self, event: evt.Event) -> Iterator[Any]:
        self._moving.wait()
        yield from self._objects(event)

    def _objects(self, event: evt.Event) -> Iterator[Any]:
        held = _requested(self.archive, event.identifier)
        yield len(held)
        for each in held:
            if event.is_cancelled:
                yield _CANCEL, None
                return
            yield _PENDING, _object(each, headers_only=False)


def _level(identifier: Dataset) -> Level | None:
    try:
        return Level(str(identifier.get("QueryRetrieveLevel", "")).strip())
    except ValueError:
        return None


def _empty(key: Any) -> Any:
    empty = Dataset()
    empty.add_new(key.tag, key.VR, [] if key.VR == "SQ" else "")
    return empty[key.tag]


def _requested(archive: Archive, identifier: Dataset) -> list[Held]:
    """The objects that a retrieve names by its unique keys (PS3.4 C.4.2.2.1: lists of UIDs are allowed)."""
    series, instances = _uids(identifier, "SeriesInstanceUID"), _uids(identifier, "SOPInstanceUID")
    return [
        held
        for study in _uids(identifier, "StudyInstanceUID")
        for held in archive.find_instances(study)
        if not series or held.instance.series_instance_uid in series
        if not instances or held.instance.sop_instance_uid in instances
    ]


def _uids(identifier: Dataset, keyword: str) -> list[str]:
    value = identifier.get(keyword) or []
    return [str(value)] if isinstance(value, str) else [str(uid) for uid in value]


def _object(held: Held, headers_only: bool) -> Dataset:
    make = make_header if headers_only else make_instance
    dataset = make(held.plan, held.instance)
    dataset.file_meta = make_file_meta(dataset)
    return dataset


def send_study(archive: Archive, study_instance_uid: str, caller: str, peer: Peer, headers_only: bool = False) -> int:
    """Send every object of the study by C-STORE; returns how many. Raises StoreFailed at the first that is not taken.

    `headers_only` leaves Pixel Data out, for receivers that index and do not archive.
    """
    entity = AE(ae_title=caller)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    for uid in STORED_CLASSES:
        entity.add_requested_context(uid, [ExplicitVRLittleEndian])
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, send_without_delay)]
    association = entity.associate(peer.host, peer.port, ae_title=peer.aet, evt_handlers=handlers)
    if not association.is_established:
        raise StoreFailed("no association with the receiver")
    try:
        return _send_all(association, archive.find_instances(study_instance_uid), headers_only)
    finally:
        association.release()


def _send_all(association: Any, held: list[Held], headers_only: bool) -> int:
    for each in held:
        status = association.send_c_store(_object(each, headers_only))
        if not status or status.Status & 0xF000 not in (0x0000, 0xB000):
            raise StoreFailed(f"the receiver answered {status.Status:04X}H" if status else "the receiver fell silent")
    return len(held)


def get_roles() -> list[Any]:
    """The role selection that a C-GET requester proposes to receive any of our objects."""
    return [build_role(uid, scp_role=True) for uid in STORED_CLASSES]


def send_without_delay(event: evt.Event) -> None:
    """Nagle's algorithm costs up to 40 ms a message in DIMSE's small exchanges."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
