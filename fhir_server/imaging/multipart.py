"""Reading a multipart/related body part by part as it arrives (RFC 2046 section 5.1, RFC 2387), no part held whole."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Protocol

from fhir_server.errors import BadRequest

_READ_BYTES = 128 * 1024
_HEADER_BYTES_MAX = 16 * 1024


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def boundary_of(content_type: str) -> tuple[str, str]:
    """The (type of the root part, boundary) of a multipart/related content type; BadRequest when it has none."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/related" or not isinstance(boundary, str) or not boundary:
        raise BadRequest("The body must be multipart/related with a boundary.", "http.Content-Type")
    return str(message.get_param("type") or ""), boundary


class Part:
    """One part: its headers (names in lower case), and its content as a stream that ends where the part does."""

    def __init__(self, reader: MultipartReader, headers: dict[str, str]) -> None:
        self.headers = headers
        self._reader = reader

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (at least one); b"" at the end. BadRequest when the body breaks off inside the part."""
        return self._reader.read_content(_READ_BYTES if size is None or size < 0 else size)


class MultipartReader:
    """Iterates over the parts of a body; what a consumer leaves unread of a part is skipped."""

    def __init__(self, stream: Readable, boundary: str) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._buffer = b"\r\n"  # the first delimiter need not follow a line
        self._in_part = True  # what precedes the first delimiter is skipped like a part

    def __iter__(self) -> Iterator[Part]:
        while self._skip_to_next():
            yield Part(self, self._headers())

    def read_content(self, size: int) -> bytes:
        while self._in_part:
            end = self._buffer.find(self._delimiter)
            if end > 0 or (end < 0 and len(self._buffer) > len(self._delimiter)):
                usable = end if end > 0 else len(self._buffer) - len(self._delimiter)
                taken, self._buffer = self._buffer[: min(size, usable)], self._buffer[min(size, usable) :]
                return taken
            if end == 0:
                self._in_part = False
            else:
                self._fill()
        return b""

    def _skip_to_next(self) -> bool:
        """Go to the next part's headers; False after the closing delimiter."""
        while self.read_content(_READ_BYTES):
            pass
        self._need(len(self._delimiter) + 2)
        after = self._buffer[len(self._delimiter) : len(self._delimiter) + 2]
        if after == b"--":
            return False
        self._buffer = self._buffer[len(self._delimiter) :]
        self._in_part = True
        return True

    def _headers(self) -> dict[str, str]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEADER_BYTES_MAX:
                raise BadRequest("The headers of a part are too long.", "http.body")
            self._fill()
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        self._buffer = self._buffer[end + 2 :]  # the blank line's break stays: an empty part is delimiter at once
        content_start = 2
        self._buffer = self._buffer[content_start:] if not self._is_empty_part() else self._buffer
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _is_empty_part(self) -> bool:
        self._need(len(self._delimiter))
        return self._buffer.startswith(self._delimiter)

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            self._fill()

    def _fill(self) -> None:
        block = self._stream.read(_READ_BYTES)
        if not block:
            raise BadRequest("The body breaks off before its closing boundary.", "http.body")
        self._buffer += block
