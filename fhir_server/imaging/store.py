"""STOW-RS, Store Transaction (PS3.18 section 10.5): objects go to the image store one by one as they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, cast

from fhir_server.errors import BadRequest, UnsupportedMediaType
from fhir_server.imaging.dicom_json import RETRIEVE_URL, element
from fhir_server.imaging.multipart import MultipartReader, Readable, boundary_of
from fhir_server.imaging.ports import DicomJson, ImageStore, ObjectSource, StoreOutcome

_MEDIA_TYPE = "application/dicom"
_FAILED_MAX = 1000
_FAILED_SEQUENCE, _REFERENCED_SEQUENCE = "00081198", "00081199"
_CLASS_UID, _INSTANCE_UID, _FAILURE_REASON = "00081150", "00081155", "00081197"


def store_parts(
    stream: Readable, content_type: str, store: ImageStore, source: ObjectSource, study_uid: str | None
) -> list[StoreOutcome]:
    """Store every part of the body; one outcome each. A body that breaks off keeps what came before it."""
    root_type, boundary = boundary_of(content_type)
    if root_type not in ("", _MEDIA_TYPE):
        raise UnsupportedMediaType(f"Objects are stored as {_MEDIA_TYPE} parts.", "http.Content-Type")
    outcomes, failed = list[StoreOutcome](), 0
    for part in MultipartReader(stream, boundary):
        if part.headers.get("content-type", _MEDIA_TYPE).partition(";")[0].strip() != _MEDIA_TYPE:
            raise UnsupportedMediaType(f"Every part must be {_MEDIA_TYPE}.", "http.Content-Type")
        outcomes.append(store.store(cast(BinaryIO, part), source, study_uid=study_uid))
        failed += outcomes[-1].failure != 0
        if failed > _FAILED_MAX:
            raise BadRequest(f"More than {_FAILED_MAX} parts could not be stored; the rest was not read.", "http.body")
    if not outcomes:
        raise BadRequest("The body holds no object.", "http.body")
    return outcomes


def status_of(outcomes: Sequence[StoreOutcome]) -> int:
    """PS3.18 table 10.5.3-1: 200 all stored, 202 some, 409 none."""
    failed = sum(o.failure != 0 for o in outcomes)
    if failed == 0:
        return 200
    return 409 if failed == len(outcomes) else 202


def store_response(outcomes: Iterable[StoreOutcome], root: str) -> DicomJson:
    """The Store Instances Response Module (PS3.18 annex I.2)."""
    listed = list(outcomes)
    stored = [_reference(o, root) for o in listed if o.failure == 0]
    failed = [_failure(o) for o in listed if o.failure]
    studies = {o.study_uid for o in listed if o.failure == 0}
    answer: DicomJson = {}
    if len(studies) == 1:
        answer[RETRIEVE_URL] = element("UR", f"{root}/studies/{studies.pop()}")
    if failed:
        answer[_FAILED_SEQUENCE] = {"vr": "SQ", "Value": failed}
    if stored:
        answer[_REFERENCED_SEQUENCE] = {"vr": "SQ", "Value": stored}
    return answer


def _reference(outcome: StoreOutcome, root: str) -> dict[str, Any]:
    url = f"{root}/studies/{outcome.study_uid}/series/{outcome.series_uid}/instances/{outcome.instance_uid}"
    return {
        _CLASS_UID: element("UI", outcome.sop_class_uid),
        _INSTANCE_UID: element("UI", outcome.instance_uid),
        RETRIEVE_URL: element("UR", url),
    }


def _failure(outcome: StoreOutcome) -> dict[str, Any]:
    return {
        _CLASS_UID: element("UI", outcome.sop_class_uid),
        _INSTANCE_UID: element("UI", outcome.instance_uid),
        _FAILURE_REASON: element("US", outcome.failure),
    }
