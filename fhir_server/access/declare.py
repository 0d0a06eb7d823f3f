"""Every route states who may call it; a route without a statement cannot be registered, and a test proves it.

The statement hangs on the view function; `enforce` runs before every request and is the one place where a caller is
let in or refused. What rows the caller then sees is `access.predicate`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.policy import ROLES
from fhir_server.errors import Forbidden, Unauthenticated

View = TypeVar("View", bound=Callable[..., Any])


class Audience(StrEnum):
    """A kind of caller that a route admits."""

    ANYONE = "anyone"  # also without signing in: health, metadata, discovery, sign-in, page furniture
    CLIENT = "client"  # an API client with an access token
    USER = "user"  # a person with a portal session


_AUDIENCE_OF = {CallerKind.CLIENT: Audience.CLIENT, CallerKind.USER: Audience.USER}


@dataclass(frozen=True)
class Declaration:
    """Who may call a route: audiences, the SMART scope it needs, the portal page (see policy.ROLES) it is part of."""

    audiences: frozenset[Audience]
    scope: tuple[str, str] | None = None  # (resource type or "*", permission letter)
    page: str | None = None


def open_to(
    *audiences: Audience, scope: tuple[str, str] | None = None, page: str | None = None
) -> Callable[[View], View]:
    """Decorate a view with its declaration."""

    def declare(view: View) -> View:
        view.__declaration__ = Declaration(frozenset(audiences), scope, page)  # type: ignore[attr-defined]
        return view

    return declare


def declaration_of(view: Callable[..., Any]) -> Declaration | None:
    """What the view declares; None when it declares nothing."""
    found = getattr(view, "__declaration__", None)
    return found if isinstance(found, Declaration) else None


def require_declarations(views: Mapping[str, Callable[..., Any]]) -> None:
    """Raise RuntimeError naming every endpoint that does not say who may call it: the application never starts."""
    missing = sorted(name for name, view in views.items() if declaration_of(view) is None)
    if missing:
        raise RuntimeError(f"routes that do not declare who may call them: {', '.join(missing)}")


def enforce(declaration: Declaration, caller: Caller | None) -> None:
    """Let the caller in, or raise Unauthenticated (401) or Forbidden (403)."""
    if Audience.ANYONE in declaration.audiences:
        return
    if caller is None:
        raise Unauthenticated("Sign in, or send an access token as `Authorization: Bearer`.")
    if _AUDIENCE_OF.get(caller.kind) not in declaration.audiences:
        raise Forbidden("This kind of caller may not use this address.")
    if declaration.scope is not None and not caller.allows(*declaration.scope):
        raise Forbidden(f"The caller's scopes do not cover {declaration.scope[0]}.{declaration.scope[1]}.")
    if declaration.page is not None and caller.kind is CallerKind.USER:
        role = ROLES.get(caller.role or "")
        if role is None or declaration.page not in role.pages:
            raise Forbidden("Your role does not open this page.")
