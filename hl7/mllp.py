"""Minimal lower layer protocol: bytes in, frames out, no sockets (HL7 v2 transport, MLLP release 1).

`VT payload FS CR`; what stands between frames is counted as noise, a frame that grows too large is cut and reported.
https://www.hl7.org/documentcenter/public/wg/inm/mllp_transport_specification.PDF
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VT, FS, CR = b"\x0b", b"\x1c", b"\x0d"
FRAME_BYTES_MAX = 16 * 1024 * 1024
HEAD_BYTES_MAX = 4096


@dataclass(frozen=True)
class Frame:
    """One whole payload, as sent, without its frame."""

    payload: bytes


@dataclass(frozen=True)
class Noise:
    """`count` bytes that belonged to no frame (junk between frames, or a frame that a new VT cut short)."""

    count: int


@dataclass(frozen=True)
class Oversize:
    """A frame of more than `max_bytes` was thrown away; `head` is how it began, enough to answer its control id."""

    head: bytes
    size: int


Event = Frame | Noise | Oversize


class MllpFramer:
    """Collects what a connection receives into frames. One instance per connection, linear in the bytes received.

    A lone carriage return after FS belongs to the frame; its absence is accepted. `in_frame` says that a frame has
    begun and not ended, which is what a read timeout needs to know.
    """

    def __init__(self, max_bytes: int = FRAME_BYTES_MAX) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self.in_frame = False
        self._after_frame = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, in the order of the stream."""
        return list(self._events(data))

    def _events(self, data: bytes) -> Iterator[Event]:
        position = 0
        while position < len(data):
            if self.in_frame:
                position, event = self._inside(data, position)
            else:
                position, event = self._between(data, position)
            if event is not None:
                yield event

    def _between(self, data: bytes, position: int) -> tuple[int, Event | None]:
        """Skip to the next VT; report what was skipped, except the CR that closes the frame before."""
        if self._after_frame:
            self._after_frame = False
            if data[position : position + 1] == CR:
                return position + 1, None
        start = data.find(VT, position)
        end = start if start >= 0 else len(data)
        if start >= 0:
            self._begin()
        return end + (start >= 0), Noise(end - position) if end > position else None

    def _inside(self, data: bytes, position: int) -> tuple[int, Event | None]:
        """Collect up to FS; a VT inside a frame means that the sender began again."""
        stop = data.find(FS, position)
        restart = data.find(VT, position, stop if stop >= 0 else len(data))
        if restart >= 0:
            lost = self._size + restart - position
            self._begin()
            return restart + 1, Noise(lost + 1)
        self._collect(data[position : stop if stop >= 0 else len(data)])
        return (stop + 1, self._finish()) if stop >= 0 else (len(data), None)

    def _begin(self) -> None:
        self._parts, self._size, self._head, self.in_frame = [], 0, b"", True

    def _collect(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._max_bytes:
            self._parts.append(piece)
            return
        if len(self._head) < HEAD_BYTES_MAX:
            self._head = (self._head + b"".join(self._parts) + piece)[:HEAD_BYTES_MAX]
        self._parts = []

    def _finish(self) -> Event:
        self.in_frame, self._after_frame = False, True
        if self._size > self._max_bytes:
            return Oversize(self._head, self._size)
        return Frame(b"".join(self._parts))


def make_frame(payload: bytes) -> bytes:
    """The payload as it goes on the wire."""
    return VT + payload + FS + CR
