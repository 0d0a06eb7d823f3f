"""One MLLP connection: frames in, acknowledgements out, in the order of the stream, until it ends or falls silent.

MLLP release 1 (https://www.hl7.org/documentcenter/public/wg/inm/mllp_transport_specification.PDF); framing in hl7/mllp.
"""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import dataclass

from fhir_server.ingest.receive import FeedConnection, Receiver, oversize
from hl7.mllp import Event, Frame, MllpFramer, Noise, Oversize, make_frame

logger = logging.getLogger(__name__)

_READ_BYTES = 65_536


@dataclass(frozen=True)
class Limits:
    """How large and how long, in seconds: a connection without messages, a frame from its first byte to its last, and
    an answer that the sender does not take. What exceeds a time ends the connection; nothing acknowledged is lost."""

    message_bytes_max: int
    idle_timeout_s: float
    frame_timeout_s: float = 60.0
    answer_timeout_s: float = 30.0


class MllpConnection:
    """Serves one connection. `stopping` is asked between reads, so that a message in flight still gets its answer."""

    def __init__(self, sock: socket.socket, receiver: Receiver, source: FeedConnection, limits: Limits) -> None:
        self._socket, self._receiver, self._source, self._limits = sock, receiver, source, limits
        self._framer = MllpFramer(limits.message_bytes_max)
        self.stopping = False

    def serve(self) -> None:
        """Answer messages until the sender hangs up, falls silent, or the server stops."""
        deadline = time.monotonic() + self._limits.idle_timeout_s
        while True:
            was_in_frame = self._framer.in_frame
            data = self._read(deadline)
            if data is None:
                continue
            if not data:
                return
            answered = self._answer(self._framer.feed(data))
            if answered or (self._framer.in_frame and not was_in_frame):
                deadline = time.monotonic() + self._patience()

    def _patience(self) -> float:
        """The time that a begun frame has in all, however slowly its bytes trickle; else the idle time."""
        limits = self._limits
        return limits.frame_timeout_s if self._framer.in_frame else limits.idle_timeout_s

    def _read(self, deadline: float) -> bytes | None:
        """The next bytes; empty at the end; None when it is worth asking again."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            logger.info("connection closed for its silence", extra={"peer": self._source.peer})
            return b""
        if self.stopping and not self._framer.in_frame:
            return b""
        self._socket.settimeout(min(remaining, 0.5))
        try:
            return self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return None

    def _answer(self, events: list[Event]) -> bool:
        """Answer every frame; whether there was one."""
        answered = False
        for event in events:
            if isinstance(event, Noise):
                logger.info("bytes outside of frames", extra={"peer": self._source.peer, "count": event.count})
                continue
            answered = True
            self._send(self._acknowledge(event))
        return answered

    def _acknowledge(self, event: Frame | Oversize) -> bytes:
        if isinstance(event, Oversize):
            logger.warning("message too large", extra={"peer": self._source.peer, "size": event.size})
            return oversize(event.head)
        return self._receiver.receive(event.payload, self._source).ack

    def _send(self, ack: bytes) -> None:
        if ack:
            self._socket.settimeout(self._limits.answer_timeout_s)
            self._socket.sendall(make_frame(ack))
