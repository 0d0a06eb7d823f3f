"""Content negotiation: what the caller accepts, what it sends, and what it prefers.

https://hl7.org/fhir/R4/http.html#mime-type and #ops (Prefer).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request

from fhir_server.errors import BadRequest, NotAcceptable, TooLarge, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_ACCEPTED = _JSON_TYPES | {"*/*", "application/*", "text/*"}
_FORMATS = {"json": True, "xml": False, "ttl": False, "html": False}


def require_json_accepted(request: Request) -> None:
    """Raise NotAcceptable (406) unless `_format`, or else Accept, admits JSON."""
    wanted = request.args.get("_format") if request.query_string else None
    if wanted is not None:
        known = _FORMATS.get(wanted, wanted.replace(" ", "+").split(";")[0].strip() in _JSON_TYPES)
        if not known:
            raise NotAcceptable("This server answers in application/fhir+json.", "http._format")
        return
    accept = request.environ.get("HTTP_ACCEPT")
    if not accept or accept == "*/*":
        return
    ranges = (part.split(";") for part in accept.split(","))
    if not any(r[0].strip().lower() in _ACCEPTED and not _refused(r[1:]) for r in ranges):
        raise NotAcceptable("This server answers in application/fhir+json.", "http.Accept")


def _refused(parameters: list[str]) -> bool:
    return any(p.strip().replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters)


def require_json_body(request: Request) -> bytes:
    """The body of a write; UnsupportedMediaType (415) unless it is JSON, BadRequest (400) when it is empty."""
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, not compressed.", "http.Content-Encoding")
    if request.mimetype not in _JSON_TYPES:
        raise UnsupportedMediaType("Send application/fhir+json.", "http.Content-Type")
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("FHIR JSON is UTF-8.", "http.Content-Type")
    body = read_body(request)
    if not body:
        raise BadRequest("The request has no body.")
    return body


def read_body(request: Request) -> bytes:
    """The whole body; TooLarge (413) when one that came in chunks went over the limit."""
    body = request.get_data(cache=False)
    if len(body) == request.max_content_length:
        raise TooLarge("The body is too large.")
    return body


@dataclass(frozen=True)
class Preference:
    """`Prefer`: what a write answers with, and whether unknown search parameters are refused."""

    returns: str  # "representation", "minimal", "OperationOutcome" or "" when nothing was said
    lenient: bool


def parse_prefer(header: str | None) -> Preference:
    """Parse Prefer; BadRequest (400) for a `return` or `handling` that does not exist."""
    returns, lenient = "", False
    for part in (header or "").replace(";", ",").split(","):
        name, _, value = (word.strip(' "') for word in part.partition("="))
        name = name.lower()
        if name == "return":
            if value not in ("representation", "minimal", "OperationOutcome"):
                raise BadRequest("return is minimal, representation or OperationOutcome.", "http.Prefer")
            returns = value
        elif name == "handling":
            if value not in ("strict", "lenient"):
                raise BadRequest("handling is strict or lenient.", "http.Prefer")
            lenient = value == "lenient"
    return Preference(returns, lenient)
