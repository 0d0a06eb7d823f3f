"""Errors as pages: what happened, and what to do next. No detail that could name a patient or the machine."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.api.responses import outcome_response
from fhir_server.errors import RecordError
from fhir_server.portal.pages import render

_GENERAL = ("Sorry, there is a problem with the service", "Try again later. What you were doing has not been saved.")
_WORDS: dict[int, tuple[str, str]] = {
    400: ("This request could not be understood", "Go back, check what you entered, and try again."),
    401: ("You need to sign in", "Your session has ended, or you have not signed in yet."),
    403: ("You cannot open this page", "If you need it for your work, ask the person who manages your account."),
    404: (
        "Page not found",
        "If you typed the address, check it. The record may also be one that you are not allowed to see.",
    ),
    405: ("This page cannot be used like that", "Go back to the start and try again from there."),
    409: ("This could not be done", "Somebody else may have done it already. Load the page again to see."),
    410: ("This has been deleted", "It was in the record, and the organisation that it came from has withdrawn it."),
    413: ("This is too large", "Send a smaller file."),
    429: ("Too many requests", "Wait a minute, then try again."),
    502: ("Another system answered wrongly", "The record itself works. Try again in a few minutes."),
    503: ("The service does not answer at the moment", "Try again in a minute. Nothing that was saved is lost."),
    504: ("Another system does not answer", "The record itself works. Try again in a few minutes."),
}


def error_page(error: RecordError) -> AnyResponse:
    """The page of an error. Who asked for a page without being signed in is sent to sign in first."""
    if not _wants_page():
        return outcome_response(error)
    if error.status == 401 and request.method in ("GET", "HEAD"):
        return redirect(f"/sign-in?next={quote(_asked_for(), safe='/')}", 303)
    return _page(error)


def _page(error: RecordError) -> Response:
    heading, advice = _WORDS.get(error.status, _GENERAL)
    response = render(
        "error.jinja",
        error.status,
        heading=heading,
        advice=advice,
        reason=str(error) if error.status in (400, 403, 409, 413) else "",
        request_id=g.get("request_id", ""),
        ours=error.status >= 500,
    )
    if error.retry:
        response.headers["Retry-After"] = "10"
    return response


def _asked_for() -> str:
    return request.full_path.rstrip("?")


def _wants_page() -> bool:
    """Browsers get a page; whoever asks for JSON, as programs do at a wrong address, gets an OperationOutcome."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/fhir+json"])
    return best in (None, "text/html")
