"""The search parameters of AuditEvent that the audit store answers; any other is refused (design decision 8).

https://hl7.org/fhir/R4/auditevent.html#search
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fhir_server.audit.interaction_codes import interactions_of_subtype, interactions_of_type
from fhir_server.errors import BadRequest, UnsupportedParameter
from fhir_server.search.date import parse_period
from fhir_server.storage.disclosure_search import DisclosureQuery

COUNT_DEFAULT, COUNT_MAX = 50, 1000
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/\S+)?")
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_EVENT_ID = re.compile(r"(\d{1,9})-(\d{1,18})-(\d{1,6})")
_PREFIXES = ("eq", "gt", "lt", "ge", "le", "sa", "eb")


@dataclass(frozen=True)
class AuditSearch:
    """A parsed search: which disclosures, how many events a page, and the ids asked for (None: any)."""

    query: DisclosureQuery
    count: int = COUNT_DEFAULT
    ids: frozenset[str] | None = None
    time_zone: str = "UTC"


def parse_audit_search(parameters: Iterable[tuple[str, str]], time_zone: str) -> AuditSearch:
    """Raises UnsupportedParameter or BadRequest with the parameter's name, never its value."""
    search = AuditSearch(DisclosureQuery(), time_zone=time_zone)
    for name, value in parameters:
        if name not in _PARSERS:
            raise UnsupportedParameter(f"AuditEvent cannot be searched by {_safe(name)}.", f"http.{_safe(name)}")
        search = _PARSERS[name](search, value)
    return search


def split_event_id(resource_id: str) -> tuple[int, int, int] | None:
    """Writer number, position and index of an event's id; None when it is no event's."""
    match = _EVENT_ID.fullmatch(resource_id)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def _safe(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_:.\-]{1,64}", name) else "this parameter"


def _bad(name: str, rule: str) -> BadRequest:
    return BadRequest(f"{name}: {rule}", f"http.{name}")


def _narrow(search: AuditSearch, **changes: object) -> AuditSearch:
    return replace(search, query=replace(search.query, **changes))  # type: ignore[arg-type]


def _both(present: frozenset[str] | None, wanted: frozenset[str]) -> frozenset[str]:
    """A parameter that is repeated must hold each time."""
    return wanted if present is None else present & wanted


def _patient(search: AuditSearch, value: str) -> AuditSearch:
    ids = frozenset(_reference("patient", text, "Patient")[1] for text in value.split(","))
    return _narrow(search, patients=(*search.query.patients, ids))


def _entity(search: AuditSearch, value: str) -> AuditSearch:
    entities = frozenset(_reference("entity", text, None) for text in value.split(","))
    return _narrow(search, entities=(*search.query.entities, entities))


def _reference(name: str, text: str, default_type: str | None) -> tuple[str, str]:
    match = _REFERENCE.fullmatch(text)
    if match is not None and default_type in (None, match[1]):
        return match[1], match[2]
    if default_type is not None and _ID.fullmatch(text):
        return default_type, text
    raise _bad(name, f"expected {default_type or 'Type'}/id")


def _agent(search: AuditSearch, value: str) -> AuditSearch:
    ids = frozenset(text.rpartition("|")[2] for text in value.split(","))
    return _narrow(search, callers=_both(search.query.callers, ids))


def _action(search: AuditSearch, value: str) -> AuditSearch:
    return _narrow(search, actions=_both(search.query.actions, _codes(value)))


def _outcome(search: AuditSearch, value: str) -> AuditSearch:
    return _narrow(search, outcomes=_both(search.query.outcomes, _codes(value)))


def _codes(value: str) -> frozenset[str]:
    return frozenset(code for _system, code in _tokens(value))


def _tokens(value: str) -> list[tuple[str | None, str]]:
    tokens = []
    for text in value.split(","):
        system, bar, code = text.rpartition("|")
        tokens.append((system if bar else None, code))
    return tokens


def _type(search: AuditSearch, value: str) -> AuditSearch:
    for system, code in _tokens(value)[1:]:
        if interactions_of_type(system, code)[1]:
            raise UnsupportedParameter("type: this code cannot be one of several alternatives", "http.type")
    found = [interactions_of_type(system, code) for system, code in _tokens(value)]
    if found[0][1]:
        excluded = search.query.interactions_excluded | found[0][0]
        return _narrow(search, interactions_excluded=excluded)
    wanted = frozenset[str]().union(*[interactions for interactions, _others in found])
    return _narrow(search, interactions=_both(search.query.interactions, wanted))


def _subtype(search: AuditSearch, value: str) -> AuditSearch:
    wanted = frozenset[str]().union(*[interactions_of_subtype(system, code) for system, code in _tokens(value)])
    return _narrow(search, interactions=_both(search.query.interactions, wanted))


def _date(search: AuditSearch, value: str) -> AuditSearch:
    prefix, text = (value[:2], value[2:]) if value[:2] in _PREFIXES else ("eq", value)
    try:
        low, high = parse_period(text, search.time_zone)
    except ValueError as error:
        raise _bad("date", "expected a date or time, with the prefix eq, gt, lt, ge, le, sa, eb or none") from error
    if prefix in ("gt", "sa"):
        return _between(search, high, None)
    if prefix in ("lt", "eb"):
        return _between(search, None, low)
    return _between(search, low if prefix in ("eq", "ge") else None, high if prefix in ("eq", "le") else None)


def _between(search: AuditSearch, low: int | None, high: int | None) -> AuditSearch:
    lows = [bound for bound in (search.query.low, low) if bound is not None]
    highs = [bound for bound in (search.query.high, high) if bound is not None]
    return _narrow(search, low=max(lows, default=None), high=min(highs, default=None))


def _by_id(search: AuditSearch, value: str) -> AuditSearch:
    ids = _both(search.ids, frozenset(value.split(",")))
    keys = frozenset(key[:2] for key in map(split_event_id, ids) if key is not None)
    return replace(_narrow(search, keys=keys), ids=ids)


def _count(search: AuditSearch, value: str) -> AuditSearch:
    if not value.isdecimal():
        raise _bad("_count", "expected a number")
    return replace(search, count=min(int(value), COUNT_MAX))


def _sort(search: AuditSearch, value: str) -> AuditSearch:
    if value not in ("-date", "-_lastUpdated"):
        raise UnsupportedParameter("_sort: audit events are sorted by -date", "http._sort")
    return search


_PARSERS: dict[str, Callable[[AuditSearch, str], AuditSearch]] = {
    "patient": _patient,
    "entity": _entity,
    "agent": _agent,
    "agent:identifier": _agent,
    "action": _action,
    "outcome": _outcome,
    "type": _type,
    "subtype": _subtype,
    "date": _date,
    "_lastUpdated": _date,
    "_id": _by_id,
    "_count": _count,
    "_sort": _sort,
}
