"""Multipart answers on their way out: part headers that tell inner addresses are blotted out, and the end is watched.

A header is overwritten by one of the same length, so that the length the archive announced stays true.
"""

from __future__ import annotations

import re

from fhir_server.imaging.ports import WrongAnswer

_HEADERS_BYTES_MAX = 16 * 1024
# What a reader needs of a part; everything else (Content-Location first of all) is the archive's own business.
_KEPT = frozenset({b"content-type", b"content-length", b"content-encoding", b"mime-version", b"content-id"})
_LINE = re.compile(rb"(?m)^([!-9;-~]+):[^\r\n]*(?=\r?$)")


class PartHeaders:
    """A filter over the chunks of one multipart body."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"--" + boundary.encode("latin-1", "replace")
        self._buffer = b""
        self._in_headers = False
        self.is_closed = False

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on now."""
        self._buffer += chunk
        passed = []
        while (ready := self._headers() if self._in_headers else self._content()) is not None:
            passed.append(ready)
        return b"".join(passed)

    def rest(self) -> bytes:
        """What was held back, at the end of the body; afterwards `is_closed` tells whether it was a whole one."""
        rest, self._buffer = self._buffer, b""
        if self._in_headers:
            self.is_closed = rest.startswith(b"--")
            return rest if self.is_closed else b""
        return rest

    def _headers(self) -> bytes | None:
        """A part's header lines without their blank line, once they are all here; they begin after the delimiter."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._buffer.startswith(b"--"):
            if len(self._buffer) > _HEADERS_BYTES_MAX:
                raise WrongAnswer("An archive sent a part with endless headers.")
            return None
        headers, self._buffer = self._buffer[:end], self._buffer[end:]
        self._in_headers = False
        return _LINE.sub(_blot, headers)

    def _content(self) -> bytes | None:
        """Content up to and with the next delimiter, or all but what might begin one; None when that is nothing."""
        found = self._buffer.find(self._delimiter)
        if found >= 0:
            cut = found + len(self._delimiter)
            self._in_headers = True
        else:
            cut = len(self._buffer) - len(self._delimiter) + 1
        if cut <= 0:
            return None
        ready, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return ready


def _blot(line: re.Match[bytes]) -> bytes:
    if line[1].lower() in _KEPT:
        return line[0]
    size = len(line[0])
    return b"X-Removed: ".ljust(size, b"-") if size >= len(b"X-Removed:") else b"X:".ljust(size, b"-")
