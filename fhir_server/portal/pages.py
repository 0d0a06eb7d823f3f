"""Rendering: Jinja with the NHS.UK design system, the frame around every page, and the headers that protect it.

https://service-manual.nhs.uk/design-system; Content Security Policy Level 3 (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, g, request
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from fhir_server.access.caller import Caller
from fhir_server.access.policy import ROLES
from fhir_server.portal import moments
from fhir_server.portal.services import portal_services
from fhir_server.portal.static_files import asset_url

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("fhir_server.portal"), PackageLoader("nhsuk_frontend_jinja")]),
        undefined=ChainableUndefined,  # the design system's macros rely on it
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["instant"] = moments.instant_words
    environment.filters["duration"] = moments.duration_words
    environment.globals["asset"] = asset_url
    return environment


def render(template: str, status: int = 200, **values: Any) -> Response:
    """A page. `title` is what the browser's tab says; it never names a patient."""
    frame = {"region": portal_services().settings.region_name, "account": _account(), "menu": _menu()}
    html = _environment().get_template(template).render(**frame, **values)
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cache-Control"] = "no-store"
    return response


def opens(caller: Caller | None, page: str) -> bool:
    """Whether the caller's role opens the page."""
    role = ROLES.get(caller.role or "") if caller else None
    return role is not None and page in role.pages


def csrf_token() -> str:
    """What every form of a signed-in person carries."""
    session = g.get("portal_session")
    return session.csrf_token if session else ""


def _account() -> dict[str, str] | None:
    caller: Caller | None = g.get("caller")
    if caller is None or not g.get("portal_session"):
        return None
    role = ROLES.get(caller.role or "")
    return {"name": caller.name, "role": role.title if role else "", "csrf_token": csrf_token()}


def _menu() -> list[dict[str, Any]]:
    caller: Caller | None = g.get("caller")
    pages = (("patients", "Find a patient", "/"), ("feeds", "Feeds and archives", "/feeds"))
    return [
        {"text": text, "href": href, "current": request.path == href}
        for page, text, href in pages
        if opens(caller, page)
    ]
