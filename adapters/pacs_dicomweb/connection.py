"""One pool of HTTP connections to one archive, whose every failure says in which phase the exchange broke."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from adapters.pacs_dicomweb.limits import Limits
from fhir_server.errors import RecordError
from fhir_server.imaging.ports import ArchiveResponse, CutOff, NoAnswer, NotConnected


class Connection:
    """HTTP to one archive; `label` names it in errors (the trust, never an inner address)."""

    def __init__(self, address: str, label: str, limits: Limits, headers: Mapping[str, str] | None = None) -> None:
        self.label = label
        self._limits = limits
        self._base = urlsplit(address).path.rstrip("/")
        # Identity encoding: bytes pass through unchanged, and lengths stay true.
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "imaging-record", **(headers or {})}
        self._pool = urllib3.connection_from_url(address, maxsize=limits.connections, block=True, retries=False)
        self._pool.ConnectionCls = _with_idle_timeout(self._pool.ConnectionCls, limits.idle_s)

    @property
    def base_path(self) -> str:
        """The path of the DICOMweb root at the archive, without a closing slash."""
        return self._base

    def open(self, path: str, accept: str, *, first_byte_s: float | None = None) -> ArchiveResponse:
        """GET `path` below the root; returns when the status line and headers are here, the body unread."""
        response = self._request(f"{self._base}/{path}", accept, first_byte_s or self._limits.first_byte_s)
        return ArchiveResponse(
            status=response.status,
            headers=dict(response.headers.items()),
            chunks=self._chunks(response),
            close=lambda: _discard(response),
        )

    def read(self, path: str, accept: str, budget: float) -> tuple[int, bytes]:
        """GET a small document whole, within `budget` seconds from first to last byte."""
        deadline = time.monotonic() + budget
        answer = self.open(path, accept, first_byte_s=budget)
        try:
            body = bytearray()
            for chunk in answer.chunks:
                body += chunk
                self._check(len(body), deadline)
            return answer.status, bytes(body)
        finally:
            answer.close()

    def _check(self, size: int, deadline: float) -> None:
        if size > self._limits.json_bytes_max:
            raise CutOff(f"{self.label} sent an answer larger than the limit.")
        if time.monotonic() > deadline:
            raise NoAnswer(f"{self.label} did not finish its answer in time.")

    def _request(self, target: str, accept: str, first_byte_s: float) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.urlopen(
                "GET",
                target,
                headers={**self._headers, "Accept": accept},
                timeout=urllib3.Timeout(connect=min(self._limits.connect_s, first_byte_s), read=first_byte_s),
                pool_timeout=min(self._limits.queue_s, first_byte_s),  # type: ignore[arg-type]
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
        except HTTPError as error:
            raise self._unanswered(error) from error

    def _unanswered(self, error: HTTPError) -> RecordError:
        """The phase in which a request failed before any answer."""
        if isinstance(error, EmptyPoolError):
            return NotConnected(f"All connections to {self.label} are in use.")
        if isinstance(error, NewConnectionError | ConnectTimeoutError | SSLError):
            return NotConnected(f"{self.label} cannot be reached.")
        if isinstance(error, ReadTimeoutError):
            return NoAnswer(f"{self.label} took the connection and did not answer in time.")
        return NotConnected(f"{self.label} closed the connection without an answer.")

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from response.stream(self._limits.chunk_bytes, decode_content=False)
        except ReadTimeoutError as error:
            raise CutOff(f"{self.label} fell silent in the middle of its answer.") from error
        except (ProtocolError, HTTPError, OSError) as error:
            raise CutOff(f"{self.label} broke off in the middle of its answer.") from error
        finally:
            _discard(response)


def _with_idle_timeout(connection: Any, idle_s: float) -> Any:
    """The connection class, allowing `idle_s` between chunks once the headers of an answer are here: an archive may
    read from slow disks. Set where the socket is still at hand: one that will close is let go of with the headers."""

    class PatientConnection(connection):  # type: ignore[misc]
        def getresponse(self) -> Any:
            socket = self.sock
            response = super().getresponse()
            with contextlib.suppress(OSError):
                socket.settimeout(idle_s)
            return response

    return PatientConnection


def _discard(response: urllib3.BaseHTTPResponse) -> None:
    """Let go of the answer: one read to its end gave its connection back; a cut one closes it, and drains nothing."""
    response.close()
    response.release_conn()
