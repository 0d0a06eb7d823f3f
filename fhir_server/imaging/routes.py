"""The DICOMweb doors as a Flask blueprint (PS3.18 chapter 10): search, retrieve and store over the whole region.

https://dicom.nema.org/medical/dicom/current/output/chtml/part18/chapter_10.html
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response, g, request

from fhir_server.access.caller import Caller
from fhir_server.access.declare import Audience, open_to
from fhir_server.access.predicate import make_access_rule
from fhir_server.errors import Forbidden, MethodNotAllowed, NotAcceptable, TooLarge, UnsupportedParameter
from fhir_server.imaging import qido_rows
from fhir_server.imaging.dicom_json import text
from fhir_server.imaging.locate import Copy
from fhir_server.imaging.paths import Target, read_target
from fhir_server.imaging.ports import DicomJson, WrongAnswer
from fhir_server.imaging.regional_identity import make_identity
from fhir_server.imaging.retrieve import Request, Result, Retrieved, first_answer, retrieve
from fhir_server.imaging.rewrite import Rewriter
from fhir_server.imaging.search import INSTANCE_KEYS, SERIES_KEYS, STUDY_KEYS, Asked, read_query, study_filter
from fhir_server.imaging.services import Disclosure, ImagingServices
from fhir_server.imaging.store import status_of, store_parts, store_response
from fhir_server.imaging.study_access import OpenedStudy, StudyAccess
from fhir_server.imaging.thumbnail import make_thumbnail
from fhir_server.storage.imaging_rows import StudyRow

DICOM_JSON = "application/dicom+json"
_RETRY_AFTER_S = 10
_CHUNK_BYTES = 128 * 1024
_LIST_BUDGET_S = 5.0
_METADATA_BYTES_MAX = 256 * 1024 * 1024
_NOT_FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
_RENDER_KEYS = frozenset({"window", "viewport", "quality", "annotation"})

_reads = open_to(Audience.CLIENT, Audience.USER, scope=("ImagingStudy", "r"))
_searches = open_to(Audience.CLIENT, Audience.USER, scope=("ImagingStudy", "s"))
_stores = open_to(Audience.CLIENT, scope=("ImagingStudy", "c"))


def make_blueprint(services: ImagingServices, access: StudyAccess | None = None) -> Blueprint:
    """The blueprint, to be registered without a prefix: its paths begin with `services.root`.

    Share one `access` with the viewer's blueprint, so that a study opened there is disclosed once.
    """
    blueprint = Blueprint("dicomweb", __name__, url_prefix=services.root)
    doors = _Doors(services, access or StudyAccess(services))
    for rule, view, method in (
        ("/studies", _searches(doors.search_studies), "GET"),
        ("/studies", _stores(doors.store), "POST"),
        ("/studies/<study_uid>/series", _searches(doors.search_series), "GET"),
        ("/studies/<study_uid>/instances", _searches(doors.search_instances), "GET"),
        ("/studies/<study_uid>/series/<series_uid>/instances", _searches(doors.search_instances), "GET"),
        ("/studies/<study_uid>", _stores(doors.store), "POST"),
        ("/studies/<path:path>", _reads(doors.retrieve), "GET"),
    ):
        name = f"{view.__name__}_{rule.count('<')}"
        blueprint.add_url_rule(rule, name, view, methods=[method])
    blueprint.after_request(_finish)
    return blueprint


def _finish(response: Response) -> Response:
    """Nothing here may be kept by anybody between us and the caller; a temporary failure says when to come back."""
    response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code == 503:
        response.headers.setdefault("Retry-After", str(_RETRY_AFTER_S))
    return response


class _Doors:
    """The views. Each is check, find, answer; access and disclosure are in `study_access`."""

    def __init__(self, services: ImagingServices, access: StudyAccess) -> None:
        self._services = services
        self._access = access
        # Bound methods cannot carry a declaration: the views are functions that close over self.
        self.search_studies = _function(self._search_studies)
        self.search_series = _function(self._search_series)
        self.search_instances = _function(self._search_instances)
        self.retrieve = _function(self._retrieve)
        self.store = _function(self._store)

    def _search_studies(self) -> Response:
        caller = _caller()
        asked = read_query(request.args.items(multi=True), STUDY_KEYS)
        rule = make_access_rule(caller, "s")
        rule.require_type("ImagingStudy")
        filtered = study_filter(asked, caller, self._services.studies)
        found = self._services.studies.search(filtered, rule, limit=asked.limit + 1, offset=asked.offset)
        listed = found[: asked.limit]
        self._services.disclose(Disclosure(caller, "search", _asked_as(), tuple(listed)))
        rows, warnings = self._study_rows(caller, listed)
        if len(found) > len(listed):
            warnings.append("There are additional results that can be requested.")
        return _rows_answer(rows, asked, warnings)

    def _study_rows(self, caller: Caller, listed: list[StudyRow]) -> tuple[list[DicomJson], list[str]]:
        """The rows, and a sentence for each archive whose studies do not open now."""
        identities, nobody = self._access.identities(caller, listed), make_identity(None, None)
        documents = [(row, json.loads(row.body)) for row in listed]
        named = {qido_rows.study_uid(document): qido_rows.endpoint_ids(document) for _, document in documents}
        available = self._services.availabilities.of_studies(named) if named else {}
        closed = {uid: a.reason for uid, a in available.items() if a.opens_now is False}
        rows = [
            qido_rows.study_row(
                document, identities.get(row.patient_id or "", nobody), self._root(),
                opens=qido_rows.study_uid(document) not in closed,
            )
            for row, document in documents
        ]  # fmt: skip
        return rows, list(dict.fromkeys(closed.values()))

    def _search_series(self, study_uid: str) -> Response:
        asked = read_query(request.args.items(multi=True), SERIES_KEYS)
        opened = self._open(read_target(study_uid))
        rows = qido_rows.series_rows(opened.document, self._root())
        if not rows:  # an order announced the study, and no harvest has seen it yet: ask whoever may hold it
            rows = self._ask_copies(opened, study_uid, None, series=True)
        return _rows_answer(_page(_matching(rows, asked, SERIES_KEYS), asked), asked)

    def _search_instances(self, study_uid: str, series_uid: str | None = None) -> Response:
        keys = {**SERIES_KEYS, **INSTANCE_KEYS}
        asked = read_query(request.args.items(multi=True), keys)
        path = f"{study_uid}/series/{series_uid}" if series_uid else study_uid
        opened = self._open(read_target(path))
        rows = self._ask_copies(opened, study_uid, series_uid or asked.keys.get("SeriesInstanceUID"), series=False)
        return _rows_answer(_page(_matching(rows, asked, keys), asked), asked)

    def _retrieve(self, path: str) -> Response:
        target = read_target(path)
        opened = self._open(target)
        if target.what == "metadata":
            return self._metadata(target, opened)
        if target.what == "thumbnail":
            return self._thumbnail(target, opened)
        query = _render_query() if target.what == "rendered" else _no_query()
        asked = Request(target.path, request.headers.get("Accept", "*/*"), query, whole=target.is_whole)
        return self._ask(target, opened, asked, lambda found: _answer(found, target))

    def _store(self, study_uid: str | None = None) -> Response:
        caller = _caller()
        source = self._services.object_source(caller)
        if self._services.store is None:
            raise MethodNotAllowed("This record takes no objects in.")
        if source is None:
            raise Forbidden("The client is not registered as a source of objects.")
        if study_uid is not None:
            read_target(study_uid)
        request.max_content_length = self._services.store_bytes_max
        if (request.content_length or 0) > self._services.store_bytes_max:
            raise TooLarge("The request is larger than the store takes in one piece.")
        content_type = request.headers.get("Content-Type", "")
        outcomes = store_parts(request.stream, content_type, self._services.store, source, study_uid)
        body = json.dumps(store_response(outcomes, self._root()))
        return Response(body, status_of(outcomes), content_type=DICOM_JSON)

    def _metadata(self, target: Target, opened: OpenedStudy) -> Response:
        """JSON only: the XML form would carry local identifiers out unread."""
        _require_json()
        _no_query()
        asked = Request(target.path, DICOM_JSON, whole=target.is_whole)
        root = self._root()

        def rewritten(found: Retrieved) -> Response:
            endpoint = found.copy.archive.endpoint
            inner = endpoint.address if endpoint.kind == "dicom-wado-rs" else ""
            rewriter = Rewriter(target.study_uid, inner, root, opened.identity)
            return _json_answer(msgspec.json.encode([rewriter.rewrite(row, target.path) for row in _rows(found)]))

        return self._ask(target, opened, asked, rewritten)

    def _thumbnail(self, target: Target, opened: OpenedStudy) -> Response:
        """Archives often have none: it is made of the rendered image."""
        path = target.path.removesuffix("thumbnail") + "rendered"
        picture = self._ask(target, opened, Request(path, "image/jpeg"), lambda found: make_thumbnail(_whole(found)))
        return Response(picture, content_type="image/jpeg")

    def _open(self, target: Target) -> OpenedStudy:
        return self._access.open(_caller(), target.study_uid, _asked_as())

    def _ask(
        self, target: Target, opened: OpenedStudy, asked: Request, use: Callable[[Retrieved], Result]
    ) -> Result:
        locator = self._services.locator
        copies = locator.copies(target.study_uid, opened.named_endpoints)
        return retrieve(copies, asked, locator, use)

    def _ask_copies(
        self, opened: OpenedStudy, study_uid: str, series_uid: str | None, *, series: bool
    ) -> list[DicomJson]:
        """Rows from the first copy that answers, rewritten; Unavailable when none does; none when there is no copy."""
        locator = self._services.locator
        copies = locator.copies(study_uid, opened.named_endpoints)

        def ask(copy: Copy) -> list[DicomJson]:
            archive = copy.archive
            if series:
                return archive.search_series(study_uid, _LIST_BUDGET_S)
            return archive.search_instances(study_uid, series_uid, _LIST_BUDGET_S)

        rows = first_answer(copies, ask, locator) if copies else []
        rewriter = Rewriter(study_uid, "", self._root(), opened.identity)
        return [rewriter.rewrite(row, f"studies/{study_uid}") for row in rows]

    def _root(self) -> str:
        return f"{self._services.base_url or request.host_url.rstrip('/')}{self._services.root}"


def _function(method: Callable[..., Response]) -> Callable[..., Response]:
    def view(**arguments: Any) -> Response:
        return method(**arguments)

    view.__name__ = method.__name__.lstrip("_")
    return view


def _caller() -> Caller:
    caller: Caller = g.caller
    return caller


def _asked_as() -> str:
    return request.full_path.rstrip("?")


def _matching(rows: list[DicomJson], asked: Asked, known: dict[str, str]) -> list[DicomJson]:
    wanted = [(known[keyword], value.replace("\\", ",").split(",")) for keyword, value in asked.keys.items()]
    return [row for row in rows if all(text(row, tag) in values for tag, values in wanted)]


def _page(rows: list[DicomJson], asked: Asked) -> list[DicomJson]:
    return rows[asked.offset : asked.offset + asked.limit]


def _rows_answer(rows: list[DicomJson], asked: Asked, warnings: Sequence[str] = ()) -> Response:
    _require_json()
    answer = _json_answer(json.dumps(rows).encode())
    for sentence in ([_NOT_FUZZY] if asked.fuzzy else []) + list(warnings):
        plain = sentence.replace('"', "'").encode("ascii", "replace").decode()
        answer.headers.add("Warning", f'299 imaging-record "{plain}"')
    return answer


def _json_answer(body: bytes) -> Response:
    return Response(body, content_type=DICOM_JSON)


def _require_json() -> None:
    if request.headers.get("Accept") and not request.accept_mimetypes.best_match([DICOM_JSON, "application/json"]):
        raise NotAcceptable(f"This is given as {DICOM_JSON}.", "http.Accept")


def _no_query() -> str:
    if request.args:
        raise UnsupportedParameter("This resource takes no query parameters.", "http.query")
    return ""


def _render_query() -> str:
    unknown = set(request.args) - _RENDER_KEYS
    if unknown:
        raise UnsupportedParameter(f"The parameter {sorted(unknown)[0][:64]} is not supported here.", "http.query")
    return urlencode(list(request.args.items(multi=True)), safe=",-.")


def _whole(retrieved: Retrieved) -> bytes:
    """The body in memory: metadata and single pictures only."""
    body = bytearray()
    for chunk in retrieved.body():
        body += chunk
        if len(body) > _METADATA_BYTES_MAX:
            retrieved.response.close()
            raise TooLarge("The answer of the archive is too large to pass on.")
    return bytes(body)


def _rows(retrieved: Retrieved) -> list[DicomJson]:
    try:
        return msgspec.json.decode(_whole(retrieved), type=list[dict[str, Any]])
    except msgspec.MsgspecError as error:
        raise WrongAnswer(f"{retrieved.copy.archive.endpoint.trust_name} sent metadata that is not JSON.") from error


def _answer(retrieved: Retrieved, target: Target) -> Response:
    return _stream(retrieved) if retrieved.content_length or target.is_many else _send(retrieved)


def _stream(retrieved: Retrieved) -> Response:
    """Chunk by chunk; type and length exactly as the archive wrote them."""
    length = retrieved.content_length
    response = Response(retrieved.body() if length else retrieved.unmistakable_body(), direct_passthrough=True)
    response.headers["Content-Type"] = retrieved.content_type
    if length:
        response.headers["Content-Length"] = length
    response.call_on_close(retrieved.response.close)
    return response


def _send(retrieved: Retrieved) -> Response:
    """One object, frame or picture whose length the archive did not tell: received, then sent with its length."""
    file = retrieved.received()
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    response = Response(iter(lambda: file.read(_CHUNK_BYTES), b""), direct_passthrough=True)
    response.headers["Content-Type"] = retrieved.content_type
    response.headers["Content-Length"] = str(length)
    response.call_on_close(file.close)
    return response
