"""Retrieve transactions of a PACS: instances, metadata, bulk data, frames, rendered (PS3.18 10.4, WADO-RS)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Request, Response

from adapters.emulated_trust import pacs_jpeg
from adapters.emulated_trust.archive import Archive, Held
from adapters.emulated_trust.dataset import labelled_pixels, make_header, make_instance, make_part10
from adapters.emulated_trust.pacs_media import NATIVE, Multipart, Offer, Part, choose, root_url
from adapters.emulated_trust.pacs_rendered import FORMATS, THUMBNAIL_PX, Rendering, parse_rendering, render

_DICOM = "application/dicom"
_OCTETS = "application/octet-stream"
_PIXEL_DATA = "7FE00010"


def instances(archive: Archive, request: Request, **uids: str) -> Response:
    """The whole objects of a study, series or instance; a single instance also alone, without multipart."""
    held = _held(archive, uids)
    syntaxes = [NATIVE, pacs_jpeg.SYNTAX] if all(map(pacs_jpeg.can_compress, held)) else [NATIVE]
    offer = choose(_accept(request), _offers(_DICOM, syntaxes, alone="instance" in uids))
    make = pacs_jpeg.make_compressed_part10 if offer.transfer_syntax == pacs_jpeg.SYNTAX else _part10
    if not offer.multipart:
        return Response(make(held[0]), content_type=offer.part_type)
    return _multipart(offer, (Part(make(each), _url(request, each)) for each in held))


def _offers(media_type: str, syntaxes: list[str], alone: bool) -> list[Offer]:
    """As multipart, and alone when it is one thing; uncompressed first, which is also what `*` gets."""
    shapes = [True, False] if alone else [True]
    return [Offer(media_type, multipart, syntax) for syntax in syntaxes for multipart in shapes]


def metadata(archive: Archive, request: Request, **uids: str) -> Response:
    """Everything but the pixels, which are named by BulkDataURI."""
    offer = choose(_accept(request), [Offer("application/dicom+json"), Offer("application/json")])
    rows = [_metadata(each, request) for each in _held(archive, uids)]
    return Response(json.dumps(rows), content_type=offer.media_type)


def _metadata(held: Held, request: Request) -> dict[str, object]:
    row: dict[str, object] = make_header(held.plan, held.instance).to_json_dict()
    vr = "OB" if held.plan.modality == "US" else "OW"
    row[_PIXEL_DATA] = {"vr": vr, "BulkDataURI": f"{_url(request, held)}/bulkdata/{_PIXEL_DATA}"}
    syntaxes = [NATIVE, pacs_jpeg.SYNTAX] if pacs_jpeg.can_compress(held) else [NATIVE]
    row["00083002"] = {"vr": "UI", "Value": syntaxes}
    return row


def bulkdata(archive: Archive, request: Request, **uids: str) -> Response:
    """The value of Pixel Data, all frames in one."""
    held = _held(archive, uids)[0]
    offer = choose(_accept(request), _offers(_OCTETS, [NATIVE], alone=True))
    return _bodies(request, offer, held, [labelled_pixels(held.plan, held.instance).tobytes()])


def frames(archive: Archive, request: Request, frame_list: str, **uids: str) -> Response:
    """The frames of the list (numbers from 1), one part each, in the order asked."""
    held = _held(archive, uids)[0]
    numbers = _frame_numbers(held, frame_list)
    pixels = labelled_pixels(held.plan, held.instance)
    planes = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    alone = len(numbers) == 1
    offers = _offers(_OCTETS, [NATIVE], alone)
    if pacs_jpeg.can_compress(held):
        offers += _offers("image/jpeg", [pacs_jpeg.SYNTAX], alone)
    offer = choose(_accept(request), offers)
    encode = pacs_jpeg.compress_frame if offer.transfer_syntax == pacs_jpeg.SYNTAX else np.ndarray.tobytes
    return _bodies(request, offer, held, [encode(planes[number - 1]) for number in numbers])


def _bodies(request: Request, offer: Offer, held: Held, bodies: list[bytes]) -> Response:
    if not offer.multipart:
        return Response(bodies[0], content_type=offer.part_type)
    return _multipart(offer, (Part(body, _url(request, held)) for body in bodies))


def rendered(archive: Archive, request: Request, frame_list: str | None = None, **uids: str) -> Response:
    """Pictures for people: every one as multipart, or alone the one asked for (of many, the middle one)."""
    held = _held(archive, uids)
    offers = [Offer(media_type) for media_type in FORMATS] + [Offer(media_type, True) for media_type in FORMATS]
    offer = choose(_accept(request), offers)
    rendering = parse_rendering(request.args)
    targets = [(each, number) for each in held for number in _frame_numbers(each, frame_list)]
    if offer.multipart:
        parts = (Part(render(each, n, offer.media_type, rendering), _url(request, each)) for each, n in targets)
        return _multipart(offer, parts)
    each, number = targets[len(targets) // 2] if len(held) > 1 else targets[0]
    return Response(render(each, number, offer.media_type, rendering), content_type=offer.media_type)


def thumbnail(archive: Archive, request: Request, frame_list: str | None = None, **uids: str) -> Response:
    """A small picture of the middle of what was asked for."""
    offer = choose(_accept(request), [Offer(media_type) for media_type in FORMATS])
    held = _held(archive, uids)
    middle = held[len(held) // 2]
    number = _frame_numbers(middle, frame_list)[0]
    viewport = parse_rendering(request.args).viewport or (THUMBNAIL_PX, THUMBNAIL_PX)
    return Response(render(middle, number, offer.media_type, Rendering(viewport)), content_type=offer.media_type)


def _held(archive: Archive, uids: dict[str, str]) -> list[Held]:
    held = archive.find_instances(**uids)
    if not held:
        raise NotFound("This PACS holds no such object.")
    return held


def _frame_numbers(held: Held, frame_list: str | None) -> list[int]:
    shape = held.plan.image_kind.series[held.instance.series_number - 1]
    if frame_list is None:
        return list(range(1, shape.frames + 1))
    texts = frame_list.split(",")
    if not all(text.isdigit() for text in texts):
        raise BadRequest("Frame numbers are whole numbers with commas between them.")
    numbers = [int(text) for text in texts]
    if not all(1 <= number <= shape.frames for number in numbers):
        raise NotFound(f"The instance has {shape.frames} frame(s).")
    return numbers


def _part10(held: Held) -> bytes:
    return make_part10(make_instance(held.plan, held.instance))


def _multipart(offer: Offer, parts: Iterable[Part]) -> Response:
    body = Multipart(offer, parts)
    chunks: Iterator[bytes] = iter(body)
    return Response(chunks, content_type=body.content_type)


def _accept(request: Request) -> str | None:
    return request.args.get("accept") or request.headers.get("Accept")


def _url(request: Request, held: Held) -> str:
    instance = held.instance
    return (
        f"{root_url(request)}/studies/{held.plan.study_instance_uid}"
        f"/series/{instance.series_instance_uid}/instances/{instance.sop_instance_uid}"
    )
