"""Routes declare who may call them, and a caller who is not among those is refused."""

from __future__ import annotations

import pytest

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.declare import Audience, declaration_of, enforce, open_to, require_declarations
from fhir_server.access.scopes import parse_scopes
from fhir_server.errors import Forbidden, Unauthenticated


@open_to(Audience.ANYONE)
def open_view() -> str:
    return ""


@open_to(Audience.CLIENT, scope=("Patient", "r"))
def scoped_view() -> str:
    return ""


@open_to(Audience.USER, page="feeds")
def page_view() -> str:
    return ""


def undeclared_view() -> str:
    return ""


def caller(kind: CallerKind, scopes: str = "system/*.cruds", role: str | None = None) -> Caller:
    return Caller(kind, "x", "x", parse_scopes(scopes), role=role)


def test_an_application_with_an_undeclared_route_does_not_start():
    require_declarations({"a": open_view})
    with pytest.raises(RuntimeError, match="undeclared"):
        require_declarations({"a": open_view, "undeclared": undeclared_view})


def test_a_wrong_statement_is_no_declaration():
    undeclared_view.__declaration__ = "anyone"  # type: ignore[attr-defined]
    assert declaration_of(undeclared_view) is None


def test_open_routes_take_anybody():
    declared = declaration_of(open_view)
    assert declared is not None
    enforce(declared, None)


def test_nobody_is_asked_to_sign_in_and_the_wrong_kind_is_refused():
    declared = declaration_of(scoped_view)
    assert declared is not None
    with pytest.raises(Unauthenticated):
        enforce(declared, None)
    with pytest.raises(Forbidden):
        enforce(declared, caller(CallerKind.USER))
    with pytest.raises(Forbidden):
        enforce(declared, caller(CallerKind.CLIENT, "system/Patient.s"))
    enforce(declared, caller(CallerKind.CLIENT, "system/Patient.r"))


@pytest.mark.parametrize("role", [None, "clinician", "no-such-role", "radiologist"])
def test_a_page_opens_to_its_roles_alone(role: str | None):
    declared = declaration_of(page_view)
    assert declared is not None
    with pytest.raises(Forbidden):
        enforce(declared, caller(CallerKind.USER, role=role))
    enforce(declared, caller(CallerKind.USER, role="ris-manager"))
