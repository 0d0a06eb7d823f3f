"""The DICOMweb origin server of a PACS: routes of search and retrieve as a small WSGI application (DICOM PS3.18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from adapters.emulated_trust import pacs_retrieve
from adapters.emulated_trust.archive import Archive
from adapters.emulated_trust.pacs_search import search
from adapters.emulated_trust.query import Level

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Handler = Callable[..., Response]
_STUDY = "/studies/<study>"
_SERIES = f"{_STUDY}/series/<series>"
_INSTANCE = f"{_SERIES}/instances/<instance>"


def _searcher(level: Level) -> Handler:
    keywords = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}

    def handle(archive: Archive, request: Request, **uids: str) -> Response:
        return search(archive, request, level, {keywords[name]: uid for name, uid in uids.items()})

    return handle


def _rules() -> Iterable[Rule]:
    searches = {
        Level.STUDY: ["/studies"],
        Level.SERIES: ["/series", f"{_STUDY}/series"],
        Level.IMAGE: ["/instances", f"{_STUDY}/instances", f"{_SERIES}/instances"],
    }
    for level, paths in searches.items():
        yield from (_rule(path, _searcher(level)) for path in paths)
    for resource in (_STUDY, _SERIES, _INSTANCE):
        yield _rule(resource, pacs_retrieve.instances)
        yield _rule(f"{resource}/metadata", pacs_retrieve.metadata)
        yield _rule(f"{resource}/rendered", pacs_retrieve.rendered)
        yield _rule(f"{resource}/thumbnail", pacs_retrieve.thumbnail)
    yield _rule(f"{_INSTANCE}/bulkdata/7FE00010", pacs_retrieve.bulkdata)
    yield _rule(f"{_INSTANCE}/frames/<frame_list>", pacs_retrieve.frames)
    yield _rule(f"{_INSTANCE}/frames/<frame_list>/rendered", pacs_retrieve.rendered)
    yield _rule(f"{_INSTANCE}/frames/<frame_list>/thumbnail", pacs_retrieve.thumbnail)


def _rule(path: str, handler: Handler) -> Rule:
    return Rule(path, endpoint=handler, methods=["GET"])


class DicomWebServer:
    """The WSGI application over one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._routes = Map(list(_rules()))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            handler, arguments = self._routes.bind_to_environ(request.environ).match()
            handled: Response = handler(self._archive, request, **arguments)
            return handled
        except HTTPException as error:
            return Response(f"{error.description}\n", error.code, content_type="text/plain; charset=utf-8")


def make_application(archive: Archive, root: str = "/dicom-web") -> WSGIApplication:
    """The server mounted under `root`, as PACSs have it."""
    return DispatcherMiddleware(_nothing_here, {root: DicomWebServer(archive)})


def _nothing_here(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return Response("Not found\n", 404, content_type="text/plain")(environ, start_response)
