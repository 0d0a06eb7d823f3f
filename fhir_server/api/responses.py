"""Answers of the FHIR API: stored bytes with their headers (https://hl7.org/fhir/R4/http.html#versions)."""

from __future__ import annotations

import json
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from flask import Response, g, request

from fhir_server.api.negotiation import FHIR_JSON, Preference
from fhir_server.errors import RecordError
from fhir_server.fhir.bundles import StoredResource, etag
from fhir_server.fhir.documents import encode
from fhir_server.fhir.operation_outcomes import make_operation_outcome, make_success
from fhir_server.interactions.exchange import Exchange

CONTENT_TYPE = f"{FHIR_JSON};charset=utf-8"


def body_response(body: bytes, status: int = 200) -> Response:
    """JSON bytes, printed for people when `_pretty=true`."""
    if request.query_string and request.args.get("_pretty") == "true":
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode()
    return Response(body, status, content_type=CONTENT_TYPE)


def version_response(version: StoredResource, status: int = 200, body: bytes | None = None) -> Response:
    """A version with its ETag and Last-Modified."""
    response = body_response(version.body or b"" if body is None else body, status)
    _describe(response, version)
    return response


def _describe(response: Response, version: StoredResource) -> None:
    response.headers.add("ETag", etag(version.version_id))
    response.headers.add("Last-Modified", _http_date(version.last_updated // 1_000_000))


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def written_response(exchange: Exchange, version: StoredResource, status: int, prefer: Preference) -> Response:
    """The answer to a write, as `Prefer: return` asks; the resource itself when nothing was asked."""
    if prefer.returns == "minimal":
        response = Response(status=status)
        response.headers.pop("Content-Type", None)
        _describe(response, version)
    elif prefer.returns == "OperationOutcome":
        response = version_response(version, status, encode(make_success("Stored.")))
    else:
        response = version_response(version, status)
    if status == 201:
        address = f"{exchange.base_url}/{version.resource_type}/{version.resource_id}"
        response.headers["Location"] = f"{address}/_history/{version.version_id}"
    return response


def outcome_response(error: RecordError) -> Response:
    """The one place where an error becomes an OperationOutcome."""
    outcome: dict[str, Any] = make_operation_outcome(error.issues)
    response = Response(encode(outcome), error.status)
    response.headers["Content-Type"] = CONTENT_TYPE
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="imaging-record"'
    if error.retry:
        response.headers["Retry-After"] = "2"
    return response


def current_exchange() -> Exchange:
    """The exchange of this request; the application accounts for it before the answer leaves."""
    found: Exchange = g.exchange
    return found
