"""Search transaction of a PACS: query parameters to matching keys, matches to DICOM JSON (PS3.18 10.6, QIDO-RS)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import BaseTag, Tag
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from adapters.emulated_trust.archive import Archive
from adapters.emulated_trust.pacs_media import Offer, choose, root_url
from adapters.emulated_trust.query import Level, find_matches

DICOM_JSON = "application/dicom+json"
RESULTS_MAX = 1000
_JSON_OFFERS = (Offer(DICOM_JSON), Offer("application/json"))
_STUDY = (
    "SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy",
    "ReferringPhysicianName", "TimezoneOffsetFromUTC", "PatientName", "PatientID", "IssuerOfPatientID",
    "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)  # fmt: skip
_SERIES = (
    "SpecificCharacterSet", "Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "SeriesInstanceUID",
    "SeriesNumber", "SeriesDate", "SeriesTime", "NumberOfSeriesRelatedInstances", "InstanceAvailability",
)  # fmt: skip
_INSTANCE = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC",
    "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
)  # fmt: skip
_RETURNED = {Level.STUDY: _STUDY, Level.SERIES: _SERIES, Level.IMAGE: _INSTANCE}


@dataclass(frozen=True)
class Search:
    """One search: the level, the keys to match, what to return besides the usual, and the window of results."""

    level: Level
    keys: Dataset
    included: frozenset[BaseTag]
    include_all: bool
    limit: int
    offset: int
    fuzzy: bool


def search(archive: Archive, request: Request, level: Level, path: dict[str, str]) -> Response:
    """Answer a search: 200 with matches, 204 when nothing matches, 206-less paging by limit and offset."""
    offer = choose(request.args.get("accept") or request.headers.get("Accept"), _JSON_OFFERS)
    wish = parse_search(request.args, level, path)
    found = list(islice(find_matches(archive, level, wish.keys), wish.offset, wish.offset + wish.limit + 1))
    rows = [_row(match, wish, path, root_url(request)) for match in found[: wish.limit]]
    response = Response(json.dumps(rows) if rows else b"", 200 if rows else 204, content_type=offer.media_type)
    for warning in _warnings(wish, len(found) > wish.limit):
        response.headers.add("Warning", f'299 - "{warning}"')
    return response


def _warnings(wish: Search, more: bool) -> Iterable[str]:
    if more:
        yield "There are additional results that can be requested"
    if wish.fuzzy:
        yield "The fuzzymatching parameter is not supported. Only literal matching has been performed."


def parse_search(args: MultiDict[str, str], level: Level, path: dict[str, str]) -> Search:
    """The query of a search; an attribute that nobody knows is a 400, never silently ignored."""
    keys, included = Dataset(), []
    for name, value in args.items(multi=True):
        if name == "includefield":
            included += [field for field in value.split(",") if field]
        elif name not in ("limit", "offset", "fuzzymatching", "accept"):
            _add_key(keys, name.split("."), value)
    for keyword, uid in path.items():
        setattr(keys, keyword, uid)
    return Search(
        level=level,
        keys=keys,
        included=frozenset(_tag(field.split(".")[0]) for field in included if field != "all"),
        include_all="all" in included,
        limit=min(_number(args, "limit", RESULTS_MAX), RESULTS_MAX),
        offset=_number(args, "offset", 0),
        fuzzy=args.get("fuzzymatching") == "true",
    )


def _add_key(keys: Dataset, path: list[str], value: str) -> None:
    tag = _tag(path[0])
    vr = dictionary_VR(tag)
    if len(path) == 1 and vr != "SQ":
        keys.add_new(tag, vr, value.replace(",", "\\") if vr == "UI" else value)
    elif len(path) == 2 and vr == "SQ":
        item = Dataset()
        _add_key(item, path[1:], value)
        keys.add_new(tag, vr, [item])
    else:
        raise BadRequest(f"{'.'.join(path)} is not an attribute to match.")


def _tag(name: str) -> BaseTag:
    number = tag_for_keyword(name)
    if number is None and len(name) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        number = int(name, 16)
    if number is None or not keyword_for_tag(number):
        raise BadRequest(f"{name[:64]} is not an attribute of the DICOM data dictionary.")
    return Tag(number)


def _number(args: MultiDict[str, str], name: str, default: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise BadRequest(f"{name} must be a whole number.")
    return int(text)


def _row(match: Dataset, wish: Search, path: dict[str, str], root: str) -> dict[str, object]:
    wanted = _wanted(wish, path)
    chosen = Dataset()
    for element in match:
        if wish.include_all or element.tag in wanted:
            chosen.add(element)
    chosen.RetrieveURL = f"{root}/{_place(match, wish.level)}"
    return chosen.to_json_dict()


def _wanted(wish: Search, path: dict[str, str]) -> set[BaseTag]:
    """Attributes to return: those of the level, of each level above that the path does not fix, and the keys."""
    keywords = list(_RETURNED[wish.level])
    if wish.level is not Level.STUDY:
        keywords += ["StudyInstanceUID", *([] if "StudyInstanceUID" in path else _STUDY)]
    if wish.level is Level.IMAGE:
        keywords += ["SeriesInstanceUID", *([] if "SeriesInstanceUID" in path else _SERIES)]
    return {Tag(keyword) for keyword in keywords} | wish.included | {element.tag for element in wish.keys}


def _place(match: Dataset, level: Level) -> str:
    place = f"studies/{match.StudyInstanceUID}"
    if level is not Level.STUDY:
        place += f"/series/{match.SeriesInstanceUID}"
    return place + (f"/instances/{match.SOPInstanceUID}" if level is Level.IMAGE else "")
