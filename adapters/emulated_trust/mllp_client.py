"""A RIS's sending end of MLLP: one long-lived connection, one message at a time, sent again until it is answered.

HL7 v2 transport specification, MLLP release 1; acknowledgement rules of HL7 v2.4 chapter 2.9.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

from hl7.mllp import Frame, MllpFramer, make_frame

ACK_TIMEOUT_S = 30.0
_RETRY_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Stopped(Exception):
    """The sender was told to stop before the message was answered."""


@dataclass
class Deliveries:
    """What became of the messages so far."""

    accepted: int = 0
    refused: int = 0
    resent: int = 0


@dataclass
class MllpClient:
    """Sends to one receiver. Threads may share it: messages go out one after the other."""

    host: str
    port: int
    ack_timeout_s: float = ACK_TIMEOUT_S
    deliveries: Deliveries = field(default_factory=Deliveries)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _socket: socket.socket | None = None
    _framer: MllpFramer = field(default_factory=MllpFramer)

    def send(self, payload: bytes) -> str:
        """Send until the receiver answers this message's control id; returns MSA-1 (AA, AE, AR, CA, CE or CR)."""
        control_id = _control_id(payload)
        with self._lock:
            code = self._send_until_answered(payload, control_id)
        if code in ("AA", "CA"):
            self.deliveries.accepted += 1
        else:
            self.deliveries.refused += 1
        return code

    def close(self) -> None:
        """Stop: a waiting `send` raises Stopped, now or after its next failure."""
        self._stop.set()
        self._disconnect()

    def _send_until_answered(self, payload: bytes, control_id: str) -> str:
        attempt = 0
        while not self._stop.is_set():
            try:
                return self._exchange(payload, control_id)
            except OSError:
                self._disconnect()
                self.deliveries.resent += 1
                self._stop.wait(_RETRY_WAITS_S[min(attempt, len(_RETRY_WAITS_S) - 1)])
                attempt += 1
        raise Stopped

    def _exchange(self, payload: bytes, control_id: str) -> str:
        """One attempt: an answer to another message (a late one) is passed over, silence is a TimeoutError."""
        connection = self._connect()
        connection.sendall(make_frame(payload))
        deadline = time.monotonic() + self.ack_timeout_s
        while True:
            for answer in self._receive(connection, deadline):
                code, answered = _msa(answer)
                if answered == control_id:
                    return code

    def _receive(self, connection: socket.socket, deadline: float) -> list[bytes]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no acknowledgement")
        connection.settimeout(left)
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the receiver closed the connection")
        return [event.payload for event in self._framer.feed(data) if isinstance(event, Frame)]

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection((self.host, self.port), timeout=self.ack_timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._framer = MllpFramer()
        return self._socket

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _control_id(payload: bytes) -> str:
    """MSH-10: the tenth field, counting the separator itself as the first."""
    fields = payload.split(b"\r", 1)[0].split(payload[3:4])
    return fields[9].decode("ascii", "replace") if len(fields) > 9 else ""


def _msa(payload: bytes) -> tuple[str, str]:
    """MSA-1 and MSA-2 of an acknowledgement; empty when it has no MSA."""
    for segment in payload.replace(b"\n", b"\r").split(b"\r"):
        if segment.startswith(b"MSA"):
            fields = [field.decode("ascii", "replace") for field in segment.split(segment[3:4])]
            return (fields[1], fields[2]) if len(fields) > 2 else ("", "")
    return "", ""
