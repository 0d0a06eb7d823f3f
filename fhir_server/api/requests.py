"""What every door reads off a request before it knows more: its id, and the address by which the caller reached us."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Mapping
from typing import Any

from fhir_server.errors import BadRequest
from fhir_server.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,255}")
#: Request ids of this process: unique over processes by the random part, and cheaper than random bits for each.
_process_id, _numbers = secrets.token_hex(6), itertools.count(1)

#: Headers of every answer.
STANDARD_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))


def request_id(environ: Mapping[str, Any]) -> str:
    """The caller's own `X-Request-ID` when it is a sane one, else one of ours."""
    sent: str = environ.get("HTTP_X_REQUEST_ID", "")
    return sent if _REQUEST_ID.fullmatch(sent) else f"{_process_id}-{next(_numbers):x}"


def base_url(settings: Settings, environ: Mapping[str, Any]) -> str:
    """The FHIR base as the caller reached it, unless a setting fixes it. BadRequest (400) for a Host that is none."""
    if settings.base_url:
        return f"{settings.base_url}/fhir"
    host: str = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    if not _HOST.fullmatch(host):
        raise BadRequest("The Host header is not a host name.", "http.Host")
    return f"{environ['wsgi.url_scheme']}://{host}/fhir"


def bearer_token(environ: Mapping[str, Any]) -> str | None:
    """The token of `Authorization: Bearer`; None when the header is of another scheme (RFC 6750 section 2.1)."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
