"""The Flask application: it registers the doors, recognises the caller, and accounts for every answer. Nothing else."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response, current_app, g, request
from werkzeug import exceptions

from fhir_server import health, logs, metrics
from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.declare import Audience, declaration_of, enforce, open_to, require_declarations
from fhir_server.access.scopes import ScopeSet
from fhir_server.access.sessions import COOKIE
from fhir_server.api.plain_read import PlainRead
from fhir_server.api.requests import STANDARD_HEADERS, base_url, bearer_token, request_id
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


class _Application(Flask):
    """Flask without its test, at every call, of whether a view is a coroutine: none of ours is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class _Unexpected(RecordError):
    status, code = 500, "exception"


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """The application, with its services made from the settings (of the environment by default).

    RuntimeError when a route does not declare who may call it.
    """
    settings = settings or Settings.from_environment()
    services = services or make_services(settings, "web")
    app = _Application(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = None  # each door has its own limit
    app.url_map.strict_slashes = False
    app.extensions["imaging_record"] = services
    _register_operations(app, services)
    register_doors(app, services)
    app.before_request(lambda: _admit(app, services))
    app.after_request(_finish)
    app.register_error_handler(Exception, _answer_error)
    require_declarations(app.view_functions)
    whole_way: Any = app.wsgi_app
    app.wsgi_app = PlainRead(whole_way, services.record, services.tokens)  # type: ignore[method-assign]
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
    here: Any = g._get_current_object()  # the proxy resolves at every touch; this runs for every request
    proxy: Any = request
    asked: Request = proxy._get_current_object()
    here.started = time.monotonic()
    here.caller = here.portal_session = None
    here.request_id = request_id(asked.environ)
    endpoint = asked.endpoint
    caller = here.caller = _recognise(services, asked, here)
    here.exchange = Exchange(
        services.record,
        caller or _ANONYMOUS,
        base_url(services.settings, asked.environ),
        here.request_id,
        address=asked.environ.get("REMOTE_ADDR", ""),
    )
    if endpoint is None:
        return
    declaration = declaration_of(app.view_functions[endpoint])
    assert declaration is not None, "create_app refuses routes without a declaration"
    enforce(declaration, caller)
    if asked.method in _SAFE:
        return
    if asked.blueprint != "dicomweb":
        _limit_body(asked, services.settings.body_bytes_max)
    if here.portal_session is not None and Audience.ANYONE not in declaration.audiences:
        _require_csrf_token()


def _limit_body(asked: Request, limit: int) -> None:
    """Refuse a body that says it is too large before reading it, and one that turns out to be while reading."""
    asked.max_content_length = limit + 1  # reading stops there, without an error
    if (asked.content_length or 0) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.")


def _recognise(services: Services, asked: Request, here: Any) -> Caller | None:
    """The caller of a bearer token or of a portal session; a bad token is refused, a stale cookie is nobody."""
    if "HTTP_AUTHORIZATION" in asked.environ and asked.endpoint != "oauth.token":
        token = bearer_token(asked.environ)
        caller = services.tokens.caller_of(token) if token is not None else None
        if caller is None:
            raise Unauthenticated("The access token is not valid, or no longer.", "http.Authorization")
        return caller
    cookie = asked.cookies.get(COOKIE) if "HTTP_COOKIE" in asked.environ else None
    session = services.sessions.find(cookie) if cookie else None
    here.portal_session = session
    return None if session is None else session.caller


def _require_csrf_token() -> None:
    """A portal session's writes must carry its token: another site can send the cookie, but cannot read the token."""
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not secrets.compare_digest(sent.encode(), g.portal_session.csrf_token.encode()):
        raise Forbidden("The form has expired. Load the page again and repeat what you did.")


def _finish(response: Response) -> Response:
    """After the view: account for what the answer discloses, then let it go."""
    here: Any = g._get_current_object()
    exchange: Exchange | None = here.get("exchange")
    if exchange is not None:
        try:
            if response.status_code >= 400:
                exchange.outcome = "4" if response.status_code < 500 else "8"
            exchange.account()
        except RecordError as error:
            response = _answer_error(error)
    headers = response.headers
    for name, value in STANDARD_HEADERS:
        headers.add(name, value)
    headers.add("X-Request-ID", here.get("request_id", ""))
    if "Cache-Control" not in headers:
        headers.add("Cache-Control", "no-store" if here.get("caller") else "no-cache")
    if "started" in here:
        metrics.observe_request(request.endpoint or "none", response.status_code, time.monotonic() - here.started)
    return response


def _answer_error(error: Exception) -> Response:
    """Every failure ends here: ours as they are, Flask's in our words, the unforeseen without any detail."""
    services: Services = current_app.extensions["imaging_record"]
    known = error if isinstance(error, RecordError) else _translate(error)
    page = services.error_page
    if page is not None and not request.path.startswith(("/fhir", "/dicomweb", "/auth")):
        shown: Response = page(known)
        return shown
    answer = outcome_response(known)
    if isinstance(error, exceptions.MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _translate(error: Exception) -> RecordError:
    if isinstance(error, exceptions.HTTPException):
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
