"""Conditions on writes: `If-Match`, and search criteria that must identify at most one resource.

https://hl7.org/fhir/R4/http.html#concurrency and #ccreate. Two writers with the same criteria take turns under a
named lock of the database, so that parallel conditional creates make exactly one resource (design decision 7).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fhir_server.access.predicate import make_access_rule
from fhir_server.errors import BadRequest, MultipleMatches, PreconditionFailed
from fhir_server.interactions.exchange import Exchange
from fhir_server.search.execute import run_search
from fhir_server.search.found import FoundResource
from fhir_server.search.parse import Limits, parse_search
from fhir_server.storage.unit_of_work import CurrentResource, UnitOfWork

_TWO = Limits(page_default=2, page_max=2, include_max=1)
_ETAG = r'(?:W/)?"([^"]*)"'
_ETAGS = re.compile(rf"\s*{_ETAG}(?:\s*,\s*{_ETAG})*\s*")


@dataclass(frozen=True)
class Precondition:
    """What must be true of the current version before a write: the texts of `If-Match` and `If-None-Match`."""

    if_match: str | None = None
    if_none_match: str | None = None


ALWAYS = Precondition()


def names_version(tags: str, version_id: int | None, place: str) -> bool:
    """Whether a list of entity tags, or `*`, names the version (None: there is none); BadRequest (400) for others."""
    if tags.strip() == "*":
        return version_id is not None
    if not _ETAGS.fullmatch(tags):
        raise BadRequest('Send an entity tag such as W/"3".', place)
    return version_id is not None and str(version_id) in re.findall(_ETAG, tags)


def require_version(current: CurrentResource | None, condition: Precondition) -> None:
    """Raise PreconditionFailed (412) unless the current version is the one the condition asks for."""
    version = None if current is None or current.deleted else current.version_id
    if condition.if_match is not None and not names_version(condition.if_match, version, "http.If-Match"):
        raise PreconditionFailed("The resource is no longer at the version that If-Match names.", "http.If-Match")
    if condition.if_none_match is not None and names_version(condition.if_none_match, version, "http.If-None-Match"):
        raise PreconditionFailed("The resource is there already.", "http.If-None-Match")


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
