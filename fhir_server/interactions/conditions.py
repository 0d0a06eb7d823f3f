"""Conditions on writes: `If-Match`, and search criteria that must identify at most one resource.

https://hl7.org/fhir/R4/http.html#concurrency and #ccreate. Two writers with the same criteria take turns under a
named lock of the database, so that parallel conditional creates make exactly one resource (design decision 7).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from fhir_server.access.predicate import make_access_rule
from fhir_server.errors import BadRequest, MultipleMatches, PreconditionFailed
from fhir_server.interactions.exchange import Exchange
from fhir_server.search.execute import run_search
from fhir_server.search.found import FoundResource
from fhir_server.search.parse import Limits, parse_search
from fhir_server.storage.unit_of_work import CurrentResource, UnitOfWork

_TWO = Limits(page_default=2, page_max=2, include_max=1)
_ETAG = re.compile(r'^\s*(?:W/)?"([^"]*)"\s*$')


def parse_etag(text: str) -> str:
    """The version id in `W/"3"`; BadRequest (400) when it is not an entity tag."""
    match = _ETAG.match(text)
    if match is None:
        raise BadRequest('If-Match needs an entity tag such as W/"3".', "http.If-Match")
    return match[1]


def require_version(current: CurrentResource | None, if_match: str | None) -> None:
    """Raise PreconditionFailed (412) unless `if_match` is None or names the current version."""
    if if_match is None:
        return
    version = None if current is None or current.deleted else str(current.version_id)
    if version != parse_etag(if_match):
        raise PreconditionFailed("The resource is no longer at the version that If-Match names.", "http.If-Match")


def parse_criteria(text: str) -> list[tuple[str, str]]:
    """Search parameters of `identifier=a|b&...`; BadRequest (400) when there are none that select anything."""
    pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True)
    if not any(name and not name.startswith("_") or name == "_id" for name, _ in pairs):
        raise BadRequest("The condition has no search parameter that selects a resource.", "http.If-None-Exist")
    return pairs


def lock_name(resource_type: str, criteria: Sequence[tuple[str, str]]) -> str:
    """The name under which writers with these criteria take turns."""
    return f"{resource_type}?" + "&".join(f"{n}={v}" for n, v in sorted(criteria))


def find_match(
    exchange: Exchange, uow: UnitOfWork, resource_type: str, criteria: Sequence[tuple[str, str]]
) -> FoundResource | None:
    """The one resource that the criteria match, or None; MultipleMatches (412) when they match several.

    Take the lock (`lock_name`) before. Searches what the caller may read: a hidden twin is not disclosed.
    """
    query = parse_search(resource_type, [*criteria, ("_count", "2")], limits=_TWO, context=exchange.search_context)
    page = run_search(uow.connection, query, make_access_rule(exchange.caller, "s"))
    if len(page.matches) > 1:
        raise MultipleMatches("The condition matches several resources; it must identify one.")
    return page.matches[0] if page.matches else None
