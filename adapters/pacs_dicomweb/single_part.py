"""The one object of a multipart answer, unwrapped, for a caller that asked for it single-part."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_server.errors import BadRequest
from fhir_server.imaging.multipart import MultipartReader, Part, boundary_of
from fhir_server.imaging.ports import ArchiveResponse, CutOff, WrongAnswer

_CHUNK_BYTES = 128 * 1024


class _Chunks:
    """An iterator of chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int = -1, /) -> bytes:
        return next(self._chunks, b"")


def unwrap(response: ArchiveResponse, label: str) -> ArchiveResponse:
    """The first part as an answer of its own, with the length that its header tells."""
    kind = next((v for k, v in response.headers.items() if k.lower() == "content-type"), "")
    try:
        _, boundary = boundary_of(kind)
        part = next(iter(MultipartReader(_Chunks(response.chunks), boundary)), None)
    except BadRequest as error:
        raise WrongAnswer(f"{label} sent a multipart answer that cannot be read.") from error
    if part is None:
        raise WrongAnswer(f"{label} sent a multipart answer without a part.")
    headers = {"Content-Type": part.headers.get("content-type", "application/dicom")}
    if "content-length" in part.headers:
        headers["Content-Length"] = part.headers["content-length"]
    return ArchiveResponse(response.status, headers, _content(part, label), response.close)


def _content(part: Part, label: str) -> Iterator[bytes]:
    try:
        while chunk := part.read(_CHUNK_BYTES):
            yield chunk
    except BadRequest as error:
        raise CutOff(f"{label} broke off in the middle of its answer.") from error
