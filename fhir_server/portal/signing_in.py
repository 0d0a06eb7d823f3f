"""Signing in and out of the portal with a name and a password."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.access.declare import Audience, open_to
from fhir_server.access.sessions import COOKIE
from fhir_server.api.responses import current_exchange
from fhir_server.errors import Forbidden, RecordError, Throttled, Unauthenticated
from fhir_server.portal.pages import render
from fhir_server.portal.services import portal_services

_MISSING = "Enter your user name and password"


def local_path(address: str | None) -> str:
    """The address when it is a path on this server, else the home page: nobody is led elsewhere after signing in."""
    if not address or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    if any(ord(character) <= 32 for character in address):
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc or parts.path.startswith("/sign-") else address


@open_to(Audience.ANYONE)
def sign_in_page() -> AnyResponse:
    """GET /sign-in."""
    after = local_path(request.args.get("next"))
    if g.get("portal_session"):
        return redirect(after, 303)
    return _form(after, signed_out="signed-out" in request.args)


@open_to(Audience.ANYONE)
def sign_in() -> AnyResponse:
    """POST /sign-in."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden("Sign in on the page of this service.")
    after, name = local_path(request.form.get("next")), request.form.get("name", "")
    password = request.form.get("password", "")
    if not name.strip() or not password:
        return _form(after, 400, _MISSING, name)
    try:
        cookie = portal_services().sessions.sign_in(name, password)
    except (Unauthenticated, Throttled) as error:
        return _refused(error, after, name)
    return _welcome(cookie, after)


def _refused(error: RecordError, after: str, name: str) -> Response:
    _note_authentication()
    response = _form(after, error.status, str(error).removesuffix("."), name)
    if error.retry:
        response.headers["Retry-After"] = str(portal_services().settings.password_lockout_s)
    return response


def _welcome(cookie: str, after: str) -> AnyResponse:
    services = portal_services()
    session = services.sessions.find(cookie)
    _note_authentication()
    if session is not None:
        current_exchange().caller = session.caller
    secure = request.is_secure or services.settings.base_url.startswith("https://")
    response = redirect(after, 303)
    response.set_cookie(
        COOKIE, cookie, max_age=services.settings.session_lifetime_s, httponly=True, secure=secure, samesite="Lax"
    )
    return response


def _note_authentication() -> None:
    """Signing in, and failing to, belongs in the audit trail."""
    exchange = current_exchange()
    exchange.interaction, exchange.action = "sign-in", "E"


@open_to(Audience.USER)
def sign_out() -> AnyResponse:
    """POST /sign-out."""
    portal_services().sessions.sign_out(request.cookies.get(COOKIE, ""))
    response = redirect("/sign-in?signed-out", 303)
    response.delete_cookie(COOKIE)
    return response


def _form(after: str, status: int = 200, error: str = "", name: str = "", signed_out: bool = False) -> Response:
    return render("sign_in.jinja", status, next=after, error=error, name=name, signed_out=signed_out)
