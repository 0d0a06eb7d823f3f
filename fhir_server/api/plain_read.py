"""The plain read, by a short way: WSGI in front of Flask, for the hottest of all requests.

It takes `GET /fhir/Type/id` with a bearer token and without conditions, options or large bodies, and only the answer
200. Everything else, every refusal and every failure among it, is Flask's: the request is passed on untouched, and
nothing has been disclosed yet. The caller, the declaration, the access rule, the read and its account are the same
functions as there; a contract test holds the two answers equal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from fhir_server import metrics
from fhir_server.access.declare import declaration_of, enforce
from fhir_server.access.tokens import TokenVerifier
from fhir_server.api.negotiation import FHIR_JSON
from fhir_server.api.requests import STANDARD_HEADERS, base_url, bearer_token, request_id
from fhir_server.api.responses import COMPRESSED_FROM, CONTENT_TYPE, http_date
from fhir_server.api.routes import read_view
from fhir_server.errors import RecordError
from fhir_server.fhir.bundles import etag
from fhir_server.interactions.exchange import Exchange, Record
from fhir_server.interactions.read import read

ROUTE = "fhir.read_view"
_PATH = re.compile(r"/fhir/([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})")
_ACCEPT = frozenset({"", "*/*", FHIR_JSON, "application/json"})
_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"})

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class PlainRead:
    """Answers plain reads; `application` (Flask's) answers the rest."""

    def __init__(self, application: Application, record: Record, tokens: TokenVerifier) -> None:
        self._application = application
        self._record = record
        self._tokens = tokens
        declaration = declaration_of(read_view)
        if declaration is None:
            raise RuntimeError("the read does not declare who may call it")
        self._declaration = declaration

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = time.monotonic()
        try:
            answer = self._answer(environ)
        except RecordError:
            answer = None  # Flask says it in full
        if answer is None:
            return self._application(environ, start_response)
        headers, body = answer
        start_response("200 OK", headers)
        metrics.observe_request(ROUTE, 200, time.monotonic() - started)
        return (body,)

    def _answer(self, environ: Environ) -> tuple[list[tuple[str, str]], bytes] | None:
        match = _PATH.fullmatch(environ["PATH_INFO"]) if _is_plain(environ) else None
        token = bearer_token(environ) if match else None
        caller = self._tokens.caller_of(token) if token else None
        if match is None or caller is None:
            return None
        enforce(self._declaration, caller)
        exchange = Exchange(
            self._record,
            caller,
            base_url(self._record.settings, environ),
            request_id(environ),
            interaction="read",
            address=environ.get("REMOTE_ADDR", ""),
        )
        found = read(exchange, match[1], match[2])
        if found.body is None or len(found.body) >= COMPRESSED_FROM:
            return None
        exchange.account()
        headers = [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(found.body))),
            ("ETag", etag(found.version_id)),
            ("Last-Modified", http_date(found.last_updated // 1_000_000)),
            *STANDARD_HEADERS,
            ("X-Request-ID", exchange.request_id),
            ("Cache-Control", "no-store"),
        ]
        return headers, found.body


def _is_plain(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("QUERY_STRING")
        and environ.get("HTTP_ACCEPT", "") in _ACCEPT
        and _CONDITIONS.isdisjoint(environ)
    )
