"""The DICOM door: Verification and Storage as SCP (PS3.4 annexes A and B), straight into the image store.

Success (0000) is answered only when the object is durable. Patient data is never logged: the library's request and
response identifier logging is switched off. Objects are received in chunks into temporary files, which the library puts
where Python's `tempfile` says; while the receiver runs that is the store's `incoming` folder, which is swept at start,
so that an object cut off on the wire leaves nothing behind.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Callable

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, _config, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from fhir_server.imaging.ports import ImageStore, ObjectSource

logger = logging.getLogger(__name__)

_COMPRESSED = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.5",
)  # fmt: skip
TRANSFER_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, *_COMPRESSED)

_UNKNOWN_SENDER = 0x0124  # refused: not authorised


class ObjectReceiver:
    """The listening application entity. `source_of` tells who a calling AE title is; None: not one of ours."""

    def __init__(self, store: ImageStore, source_of: Callable[[str], ObjectSource | None], aet: str) -> None:
        self._store = store
        self._source_of = source_of
        self._aet = aet
        self._server: ThreadedAssociationServer | None = None
        self._tempdir_before: str | None = None

    def start(self, host: str, port: int, *, associations_max: int = 32) -> int:
        """Listen in the background and return the port (port 0 chooses a free one)."""
        quiet_identifiers()
        _config.STORE_RECV_CHUNKED_DATASET = True
        self._tempdir_before, tempfile.tempdir = tempfile.tempdir, str(self._store.incoming)
        entity = make_entity(self._aet)
        entity.maximum_associations = associations_max
        entity.require_called_aet = True
        entity.supported_contexts = [
            build_context(c.abstract_syntax, list(TRANSFER_SYNTAXES))
            for c in AllStoragePresentationContexts
            if c.abstract_syntax
        ]
        entity.add_supported_context(Verification)
        handlers = [(evt.EVT_C_STORE, self._on_store), (evt.EVT_CONN_OPEN, set_no_delay)]
        server = entity.start_server((host, port), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        if server is None:
            raise RuntimeError("the DICOM receiver did not start")
        self._server = server
        return int(server.server_address[1])

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None
            tempfile.tempdir = self._tempdir_before

    def _on_store(self, event: Event) -> int:
        calling = event.assoc.requestor.ae_title.strip()
        source = self._source_of(calling)
        if source is None:
            logger.warning("object refused: calling AE title is not registered", extra={"calling_aet": calling})
            return _UNKNOWN_SENDER
        with event.dataset_path.open("rb") as part10:
            outcome = self._store.store(part10, source)
        asked = str(getattr(event.request, "AffectedSOPInstanceUID", ""))
        if outcome.failure == 0 and outcome.instance_uid != asked:
            logger.warning("object stored under another SOP Instance UID than its command names")
        if outcome.failure:
            logger.warning("object not stored", extra={"status": f"{outcome.failure:04X}", "calling_aet": calling})
        return outcome.failure


def make_entity(aet: str) -> AE:
    """An application entity with bounded waits (seconds)."""
    entity = AE(ae_title=aet)
    entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = 10, 30, 60
    entity.maximum_pdu_size = 131072
    return entity


def set_no_delay(event: Event) -> None:
    """Send each PDU at once: waiting to fill packets makes DIMSE many times slower."""
    connection = getattr(getattr(event.assoc.dul, "socket", None), "socket", None)
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def quiet_identifiers() -> None:
    """pynetdicom logs identifiers, which are patient data, unless told not to."""
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
