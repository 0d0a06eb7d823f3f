"""WADO-RS, Retrieve Transaction (PS3.18 section 10.4): open the best copy, and pass its bytes on as they come.

Another copy is tried as long as nothing has been sent. After that a broken transfer breaks the answer too: a cut study
must never look like a whole one. The web server (Granian, WSGI) ends a chunked answer properly even when its iterator
raises, so the body itself must say it: an answer of known length stops short of it; a multipart one without a length
ends in a part that no reader takes for an object, and without its closing delimiter; all else is received whole first.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, TypeVar

from fhir_server.errors import BadRequest, NotAcceptable, NotFound, RecordError, Unavailable, UpstreamFailed
from fhir_server.imaging.locate import Copy, Locator
from fhir_server.imaging.part_headers import PartHeaders
from fhir_server.imaging.ports import ArchiveResponse, CutOff, phase_of

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_WARNING = (
    "\r\n--{boundary}\r\nContent-Type: text/plain\r\n\r\n"
    "The archive broke off in the middle of this answer. What came before is not the whole of it, "
    "and its last object may be cut.\r\n"
)


class PartOnly(Unavailable):
    """The whole study is asked for, and the copy is known to lack some of it (503)."""


@dataclass(frozen=True)
class Retrieved:
    """An answer whose first bytes are here: it may be started."""

    copy: Copy
    response: ArchiveResponse
    first: bytes

    def body(self) -> Iterator[bytes]:
        """All of the body, without inner addresses; raises CutOff where it breaks off, a missing end included."""
        boundary = boundary_in(self.content_type)
        parts = PartHeaders(boundary) if boundary else None
        try:
            for chunk in chain([self.first], self.response.chunks):
                if passed := parts.feed(chunk) if parts else chunk:
                    yield passed
        finally:
            self.response.close()
        if parts:
            yield parts.rest()
            if not parts.is_closed:
                raise CutOff(f"{self.copy.archive.endpoint.trust_name} broke off in the middle of its answer.")

    def unmistakable_body(self) -> Iterator[bytes]:
        """The body of a multipart answer without a length; where it breaks off, it says so."""
        try:
            yield from self.body()
        except RecordError:
            yield _WARNING.format(boundary=boundary_in(self.content_type)).encode("latin-1", "replace")
            raise

    def received(self) -> IO[bytes]:
        """The whole body, in memory while it is small, at its start; raises CutOff before anything is sent."""
        file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 (the caller closes it)
        try:
            for chunk in self.body():
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        return file

    @property
    def content_type(self) -> str:
        return _header(self.response, "content-type") or "application/octet-stream"

    @property
    def content_length(self) -> str:
        return _header(self.response, "content-length")


@dataclass(frozen=True)
class Request:
    """What to ask: the path below the DICOMweb root, the caller's Accept header and query string; `whole`: only a copy
    that holds all that is known of the study will do."""

    path: str
    accept: str
    query: str = ""
    whole: bool = False


def retrieve(
    copies: Sequence[Copy], asked: Request, locator: Locator, use: Callable[[Retrieved], Result]
) -> Result:
    """What `use` makes of the first copy that answers; a failure inside `use` is the copy's, and the next is tried.

    Raises Unavailable naming every archive that did not answer, or what the answering ones said (400, 404, 406).
    """
    if not copies:
        raise NotFound("No archive is known to hold the images of this study.")

    def ask(copy: Copy) -> Result:
        if asked.whole and not copy.whole:
            raise PartOnly(f"{copy.archive.endpoint.name} holds only a part of the study.")
        return use(_start(copy, copy.archive.retrieve(asked.path, asked.accept, asked.query)))

    return first_answer(copies, ask, locator)


def first_answer(copies: Sequence[Copy], ask: Callable[[Copy], Result], locator: Locator) -> Result:
    """What `ask` gets from the first copy that answers; raises as `retrieve`.

    A copy that is known to be silent is not asked: the next probe will find out when that ends.
    """
    refusals: list[RecordError] = []
    silent = [f"{c.archive.endpoint.name} does not answer at present." for c in copies if c.answering is False]
    for copy in (c for c in copies if c.answering is not False):
        try:
            return _ask(copy, ask, locator)
        except (BadRequest, NotFound, NotAcceptable) as error:
            refusals.append(error)
        except RecordError as error:
            silent.append(str(error))
    if silent:
        raise Unavailable(" ".join(dict.fromkeys(silent)))
    raise refusals[0]


def _ask(copy: Copy, ask: Callable[[Copy], Result], locator: Locator) -> Result:
    endpoint = copy.archive.endpoint
    try:
        result = ask(copy)
    except (BadRequest, NotFound, NotAcceptable, PartOnly):
        locator.breakers.answered(endpoint.endpoint_id)
        raise
    except RecordError as error:
        locator.breakers.failed(endpoint.endpoint_id)
        logger.warning("archive failed", extra={"endpoint": endpoint.endpoint_id, "phase": phase_of(error)})
        raise
    locator.breakers.answered(endpoint.endpoint_id)
    return result


def _start(copy: Copy, response: ArchiveResponse) -> Retrieved:
    """Wait for the first bytes, or close the answer and raise what it means."""
    try:
        if response.status != 200:
            raise _meaning(response.status, copy.archive.endpoint.trust_name)
        return Retrieved(copy, response, next(iter(response.chunks), b""))
    except BaseException:
        response.close()
        raise


def _meaning(status: int, name: str) -> RecordError:
    if status in (404, 410):
        return NotFound(f"{name} does not hold it.")
    if status == 406:
        return NotAcceptable(f"{name} cannot give it in any form that was asked for.", "http.Accept")
    if status == 400:
        return BadRequest(f"{name} does not understand the request.")
    if status == 206:
        return UpstreamFailed(f"{name} can give only a part of it.")
    if status in (503, 504, 429):
        return Unavailable(f"{name} cannot give it at the moment.")
    return UpstreamFailed(f"{name} answered with HTTP status {status}.")


def _header(response: ArchiveResponse, name: str) -> str:
    return next((value for key, value in response.headers.items() if key.lower() == name), "")


def boundary_in(content_type: str) -> str:
    """The boundary of a multipart content type; "" when it is not one."""
    if not content_type.lower().startswith("multipart/"):
        return ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "boundary":
            return value.strip().strip('"')
    return ""
