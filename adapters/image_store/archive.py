"""The archive port over the image store: QIDO-RS and WADO-RS answers made from the stored files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

from adapters.image_store import headers
from adapters.image_store.multipart import MultipartWriter, file_chunks
from adapters.image_store.pixels import Frame, read_frames
from adapters.image_store.rendered import MEDIA_TYPES, render
from adapters.image_store.store import RegionalImageStore
from fhir_server.errors import BadRequest, NotAcceptable, NotFound
from fhir_server.imaging.ports import ArchiveEndpoint, ArchiveResponse, DicomJson, StoredInstance, StudyQuery

_PATH = re.compile(
    r"studies/(?P<study>[0-9.]+)(/series/(?P<series>[0-9.]+))?(/instances/(?P<instance>[0-9.]+))?"
    r"(/frames/(?P<frames>[0-9,]+))?(/(?P<what>metadata|rendered|bulk)(/(?P<tag>[0-9A-Fa-f]{8}))?)?"
)
_SYNTAX = re.compile(r"transfer-syntax=\"?([0-9.*]+)")


class StoreArchive:
    """The image store as an archive among the others."""

    def __init__(self, endpoint: ArchiveEndpoint, store: RegionalImageStore) -> None:
        self._endpoint = endpoint
        self._store = store

    @property
    def endpoint(self) -> ArchiveEndpoint:
        return self._endpoint

    def search_studies(self, query: StudyQuery, budget: float) -> list[DicomJson]:
        return [self._store.study_rows(uid)[0] for uid in self._store.index.studies(query)]

    def search_series(self, study_uid: str, budget: float) -> list[DicomJson]:
        return self._store.study_rows(study_uid)[1]

    def search_instances(self, study_uid: str, series_uid: str | None, budget: float) -> list[DicomJson]:
        found = self._store.index.of_study(study_uid, series_uid)
        return [headers.instance_row(headers.metadata(self._path(i), "")) for i in found]

    def read_header(self, study_uid: str, series_uid: str, budget: float) -> DicomJson:
        return {}  # rows are made of whole headers

    def probe(self, budget: float) -> None:
        self._store.index.studies(StudyQuery(limit=1))

    def retrieve(self, path: str, accept: str, query: str = "") -> ArchiveResponse:
        match = _PATH.fullmatch(path)
        if match is None:
            raise NotFound("There is no such resource in the image store.")
        found = self._instances(match)
        what, frames = match["what"], _frame_numbers(match["frames"])
        if what == "metadata":
            return self._metadata(found)
        if what == "rendered":
            return self._rendered(found, frames, accept, query)
        if what == "bulk":
            return self._bulk(found[0], match["tag"] or "")
        if frames:
            return self._frames(found[0], frames)
        return self._objects(found, accept, single=bool(match["instance"]))

    def _instances(self, match: re.Match[str]) -> list[StoredInstance]:
        found = self._store.index.of_study(match["study"], match["series"])
        if match["instance"]:
            found = [i for i in found if i.instance_uid == match["instance"]]
        if not found:
            raise NotFound("The image store does not hold it.")
        return found

    def _path(self, instance: StoredInstance) -> Path:
        return self._store.files.path(instance.path)

    def _metadata(self, found: list[StoredInstance]) -> ArchiveResponse:
        rows = (headers.metadata(self._path(i), _uri(i)) for i in found)
        return _answer("application/dicom+json", _json_list(rows))

    def _objects(self, found: list[StoredInstance], accept: str, *, single: bool) -> ArchiveResponse:
        """The files as stored; 406 rather than a transfer syntax that was not asked for."""
        asked = set(_SYNTAX.findall(accept))
        if asked and "*" not in asked and not {i.transfer_syntax_uid for i in found} <= asked:
            raise NotAcceptable("The image store holds it in another transfer syntax.")
        if single and "multipart/" not in accept and "application/dicom" in accept:
            kind = f"application/dicom; transfer-syntax={found[0].transfer_syntax_uid}"
            return _answer(kind, file_chunks(self._path(found[0])), length=found[0].size)
        writer = MultipartWriter("application/dicom")
        parts = (
            (f"application/dicom; transfer-syntax={i.transfer_syntax_uid}", file_chunks(self._path(i))) for i in found
        )
        return _answer(writer.content_type, writer.write(parts))

    def _frames(self, instance: StoredInstance, numbers: list[int]) -> ArchiveResponse:
        frames = read_frames(self._path(instance), numbers)
        first = next(frames)  # a wrong frame number is an answer of its own, not a broken body
        writer = MultipartWriter(first.content_type.partition(";")[0])
        return _answer(writer.content_type, writer.write(_frame_parts(first, frames)))

    def _rendered(self, found: list[StoredInstance], frames: list[int], accept: str, query: str) -> ArchiveResponse:
        wanted = [kind for kind in MEDIA_TYPES if kind in accept] or (["image/jpeg"] if _takes_any(accept) else [])
        if not wanted:
            raise NotAcceptable("A rendered image is given as image/jpeg or image/png.")
        middle = found[len(found) // 2]
        frame = frames[0] if frames else (middle.frames + 1) // 2
        picture = render(self._path(middle), frame, wanted[0], dict(parse_qsl(query)))
        return _answer(wanted[0], iter([picture]), length=len(picture))

    def _bulk(self, instance: StoredInstance, tag: str) -> ArchiveResponse:
        if tag.upper() == "7FE00010":
            return self._frames(instance, list(range(1, instance.frames + 1)))
        value = headers.bulk_value(self._path(instance), tag) if tag else None
        if value is None:
            raise NotFound("The object has no such bulk data.")
        writer = MultipartWriter("application/octet-stream")
        return _answer(writer.content_type, writer.write([("application/octet-stream", [value])]))


def _frame_parts(first: Frame, rest: Iterable[Frame]) -> Iterator[tuple[str, list[bytes]]]:
    yield first.content_type, [first.content]
    for frame in rest:
        yield frame.content_type, [frame.content]


def _takes_any(accept: str) -> bool:
    return not accept.strip() or "*/*" in accept or "image/*" in accept


def _frame_numbers(text: str | None) -> list[int]:
    numbers = [int(part) for part in (text or "").split(",") if part]
    if text is not None and not numbers:
        raise BadRequest("A list of frames is numbers with commas between them.")
    return numbers


def _uri(instance: StoredInstance) -> str:
    return f"/studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.instance_uid}"


def _json_list(rows: Iterable[DicomJson]) -> Iterator[bytes]:
    separator = b"["
    for row in rows:
        yield separator + json.dumps(row).encode()
        separator = b","
    yield b"]"


def _answer(content_type: str, chunks: Iterator[bytes], length: int | None = None) -> ArchiveResponse:
    found = {"Content-Type": content_type}
    if length is not None:
        found["Content-Length"] = str(length)
    return ArchiveResponse(status=200, headers=found, chunks=chunks, close=getattr(chunks, "close", lambda: None))
