"""The Flask application: it registers the doors, recognises the caller, and accounts for every answer. Nothing else."""

from __future__ import annotations

import secrets
import time
from typing import Any

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from fhir_server import health, logs, metrics
from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.declare import Audience, declaration_of, enforce, open_to, require_declarations
from fhir_server.access.scopes import ScopeSet
from fhir_server.access.sessions import COOKIE
from fhir_server.api.responses import outcome_response
from fhir_server.errors import (
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    RecordError,
    TooLarge,
    Unauthenticated,
)
from fhir_server.interactions.exchange import Exchange
from fhir_server.settings import Settings
from fhir_server.wiring import Services, make_services, register_doors

FAILED = logs.event("web.failed", "A request failed for a reason of ours.", "route", "request_id", level=40)
_ANONYMOUS = Caller(CallerKind.CLIENT, "", "", ScopeSet(()))
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class _Unexpected(RecordError):
    status, code = 500, "exception"


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """The application, with its services made from the settings (of the environment by default).

    RuntimeError when a route does not declare who may call it.
    """
    settings = settings or Settings.from_environment()
    services = services or make_services(settings, "web")
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = None  # each door has its own limit
    app.url_map.strict_slashes = False
    app.extensions["imaging_record"] = services
    _register_operations(app, services)
    register_doors(app, services)
    app.before_request(lambda: _admit(app, services))
    app.after_request(_finish)
    app.register_error_handler(Exception, _answer_error)
    require_declarations(app.view_functions)
    return app


def _register_operations(app: Flask, services: Services) -> None:
    """Health, readiness and metrics: for operators' probes, without patient data."""

    @app.get("/healthz")
    @open_to(Audience.ANYONE)
    def healthz() -> tuple[dict[str, Any], int]:
        return health.live().as_json(), 200

    @app.get("/readyz")
    @open_to(Audience.ANYONE)
    def readyz() -> tuple[dict[str, Any], int]:
        state = health.ready(services.checks)
        return state.as_json(), state.status

    @app.get("/metrics")
    @open_to(Audience.ANYONE)
    def metrics_view() -> Response:
        return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)


def _admit(app: Flask, services: Services) -> None:
    """Before the view: who is calling, may they, and what will be accounted for."""
    g.started = time.monotonic()
    g.caller = None
    g.portal_session = None
    sent_id = request.headers.get("X-Request-ID", "")
    g.request_id = sent_id if 0 < len(sent_id) <= 64 and sent_id.isascii() else secrets.token_hex(8)
    caller = _recognise(services)
    g.caller = caller
    g.exchange = Exchange(services.record, caller or _ANONYMOUS, _base_url(services.settings), g.request_id)
    if request.endpoint is None:
        return
    declaration = declaration_of(app.view_functions[request.endpoint])
    assert declaration is not None, "create_app refuses routes without a declaration"
    enforce(declaration, caller)
    if g.portal_session is not None and request.method not in _SAFE and Audience.ANYONE not in declaration.audiences:
        _require_csrf_token()
    limit = services.settings.body_bytes_max
    if request.content_length is not None and request.content_length > limit and request.blueprint != "dicomweb":
        raise TooLarge(f"The body is larger than {limit} bytes.")


def _recognise(services: Services) -> Caller | None:
    """The caller of a bearer token or of a portal session; a bad token is refused, a stale cookie is nobody."""
    header = request.headers.get("Authorization")
    if header is not None and request.endpoint != "oauth.token":
        scheme, _, token = header.partition(" ")
        caller = services.tokens.caller_of(token.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise Unauthenticated("The access token is not valid, or no longer.", "http.Authorization")
        return caller
    cookie = request.cookies.get(COOKIE)
    session = services.sessions.find(cookie) if cookie else None
    g.portal_session = session
    return None if session is None else session.caller


def _require_csrf_token() -> None:
    """A portal session's writes must carry its token: another site can send the cookie, but cannot read the token."""
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not secrets.compare_digest(sent.encode(), g.portal_session.csrf_token.encode()):
        raise Forbidden("The form has expired. Load the page again and repeat what you did.")


def _base_url(settings: Settings) -> str:
    return f"{settings.base_url or request.host_url.rstrip('/')}/fhir"


def _finish(response: Response) -> Response:
    """After the view: account for what the answer discloses, then let it go."""
    exchange: Exchange | None = g.get("exchange")
    if exchange is not None and not g.get("accounted"):
        try:
            if response.status_code >= 400:
                exchange.outcome = "4" if response.status_code < 500 else "8"
            exchange.account()
        except RecordError as error:
            response = outcome_response(error)
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers.setdefault("Cache-Control", "no-store" if g.get("caller") else "no-cache")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if "started" in g:
        metrics.observe_request(request.endpoint or "none", response.status_code, time.monotonic() - g.started)
    return response


def _answer_error(error: Exception) -> Response:
    """Every failure ends here: ours as they are, Flask's in our words, the unforeseen without any detail."""
    services: Services = current_app.extensions["imaging_record"]
    known = error if isinstance(error, RecordError) else _translate(error)
    page = services.error_page
    if page is not None and not request.path.startswith(("/fhir", "/dicomweb", "/auth")):
        return page(known)
    return outcome_response(known)


def _translate(error: Exception) -> RecordError:
    if isinstance(error, HTTPException):
        if error.code == 404:
            return NotFound("There is nothing at this address.")
        if error.code == 405:
            return MethodNotAllowed("This method is not offered at this address.")
        if error.code == 413:
            return TooLarge("The body is too large.")
        if error.code is not None and error.code < 500:
            return BadRequest("The request could not be understood.")
    FAILED(route=request.endpoint or "none", request_id=g.get("request_id", ""), exc=error)
    return _Unexpected(f"Something failed here. Quote request {g.get('request_id', '')} when you report it.")

