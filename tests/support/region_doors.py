"""The doors of a region for the emulated trusts to talk to: MLLP and DICOM listeners that keep what they are sent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt

from adapters.emulated_trust.pacs_dimse import STORED_CLASSES, Peer
from hl7.message import peek_header
from hl7.mllp import Frame, MllpFramer, make_frame

Answer = Callable[[bytes], list[bytes]]


def make_ack(payload: bytes, code: str = "AA", control_id: str | None = None) -> bytes:
    answered = peek_header(payload).control_id if control_id is None else control_id
    return make_frame(f"MSH|^~\\&|REGION||||2026||ACK|1|P|2.4\rMSA|{code}|{answered}\r".encode())


class MllpDoor:
    """Answers each message with what `answer` makes of it: frames to send; None closes the connection instead."""

    def __init__(self, answer: Callable[[bytes], list[bytes] | None] = lambda payload: [make_ack(payload)]) -> None:
        self.received: list[bytes] = []
        self.connections = 0
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler(answer))
        self._server.daemon_threads = True
        self.address: tuple[str, int] = ("127.0.0.1", self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(door, answer: Callable[[bytes], list[bytes] | None]) -> type[socketserver.BaseRequestHandler]:  # noqa: N805
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                door.connections += 1
                framer = MllpFramer()
                while data := self.request.recv(65536):
                    for event in framer.feed(data):
                        if not isinstance(event, Frame):
                            continue
                        door.received.append(event.payload)
                        frames = answer(event.payload)
                        if frames is None:
                            return
                        for frame in frames:
                            self.request.sendall(frame)

        return Handler

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class DicomDoor:
    """A storage SCP that keeps the objects it is sent."""

    def __init__(self, aet: str = "IMAGINGRECORD") -> None:
        self.stored: list[Dataset] = []
        entity = AE(ae_title=aet)
        for uid in STORED_CLASSES:
            entity.add_supported_context(uid)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store)]
        self._server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.peer = Peer(aet, "127.0.0.1", self._server.server_address[1])

    def _store(self, event: evt.Event) -> int:
        self.stored.append(event.dataset)
        return 0x0000

    def close(self) -> None:
        self._server.shutdown()
