"""`_include` and `_revinclude`: separate, bounded statements under the same access rule as the matches.

https://hl7.org/fhir/R4/search.html#revinclude. More than `include_max` resources are a warning, never a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, select

from fhir_server.access.predicate import AccessRule
from fhir_server.errors import Issue
from fhir_server.search.found import FoundResource, make_found
from fhir_server.search.query import Include, SearchQuery
from fhir_server.search.sql import COLUMNS
from fhir_server.search.sql_criteria import CriteriaCompiler, is_parameter
from fhir_server.storage.tables import index_reference, resource

_TARGETS = (
    select(index_reference.c.target)
    .where(
        index_reference.c.parameter.in_(bindparam("parameters", expanding=True)),
        index_reference.c.resource_key.in_(bindparam("keys", expanding=True)),
    )
    .distinct()
)


def find_included(
    connection: Connection, query: SearchQuery, rule: AccessRule, matches: Sequence[FoundResource]
) -> tuple[list[FoundResource], tuple[Issue, ...]]:
    """What the query's includes add to a page's matches, without repeating any, and a warning when it is cut short."""
    if not query.includes or not matches:
        return [], ()
    found: dict[int, Row[Any]] = {}
    known = {match.resource_key for match in matches}
    for statement, values in _statements(connection, query, rule, matches):
        limit = query.include_max + len(known) + len(found) + 1
        rows = connection.execute(statement, {**values, **rule.parameters, "limit": limit})
        found.update({row[0]: row for row in rows if row[0] not in known})
        if len(found) > query.include_max:
            break
    included = make_found(connection, list(found.values())[: query.include_max])
    return included, (_cut_short(query.include_max),) if len(found) > query.include_max else ()


def _cut_short(limit: int) -> Issue:
    text = f"More than {limit} resources would be included; only {limit} are. Ask for a smaller page (_count)."
    return Issue("too-costly", text, "http._include", "warning")


def _statements(
    connection: Connection, query: SearchQuery, rule: AccessRule, matches: Sequence[FoundResource]
) -> Iterable[tuple[Select[Any], dict[str, Any]]]:
    forward = [include for include in query.includes if not include.reverse]
    if forward:
        for resource_type, ids in _targets(connection, forward, matches).items():
            yield _by_ids(resource_type, rule), {"ids": sorted(ids)}
    names = [f"{match.resource_type}/{match.resource_id}" for match in matches]
    for include in query.includes:
        if include.reverse:
            yield _referring(include, rule), {"targets": names}


def _targets(
    connection: Connection, includes: Sequence[Include], matches: Sequence[FoundResource]
) -> dict[str, set[str]]:
    """The ids that the matches refer to, by type; only what the includes ask for."""
    keys = [match.resource_key for match in matches]
    targets: dict[str, set[str]] = {}
    for include in includes:
        rows = connection.execute(_TARGETS, {"parameters": [include.parameter.number], "keys": keys})
        for (target,) in rows:
            resource_type, _, resource_id = target.partition("/")
            wanted = resource_type == include.target if include.target else resource_type in include.parameter.targets
            if wanted and "/" not in resource_id:
                targets.setdefault(resource_type, set()).add(resource_id)
    return targets


def _by_ids(resource_type: str, rule: AccessRule) -> Select[Any]:
    readable = CriteriaCompiler((), rule).readable(resource, resource_type)
    return _bounded().where(readable, resource.c.resource_id.in_(bindparam("ids", expanding=True)))


def _referring(include: Include, rule: AccessRule) -> Select[Any]:
    readable = CriteriaCompiler((), rule).readable(resource, include.parameter.resource_type)
    index = index_reference.alias()
    refers = and_(is_parameter(index, include.parameter), index.c.target.in_(bindparam("targets", expanding=True)))
    keys = select(index.c.resource_key).where(refers)
    return _bounded().where(readable, resource.c.resource_key.in_(keys))


def _bounded() -> Select[Any]:
    columns = [resource.c[name] for name in COLUMNS]
    return select(*columns).order_by(resource.c.resource_key).limit(bindparam("limit"))
