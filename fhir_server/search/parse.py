"""From the parameters of a request to a SearchQuery; strict (design decision 8).

Anything unknown, unsupported or malformed is refused and named; `lenient` (the client's `Prefer: handling=lenient`)
turns the unknown and the unsupported into warnings. https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from conformance.definitions import definitions
from fhir_server.errors import BadRequest, Issue, UnsupportedParameter
from fhir_server.search.parameters import find_parameter
from fhir_server.search.parse_criterion import CriterionParser
from fhir_server.search.query import Criterion, Include, InCompartment, OnResource, SearchQuery, SortKey
from fhir_server.search.reference import ReferenceValue
from fhir_server.search.resource_values import parse_id
from fhir_server.search.rewrite import choose_order
from fhir_server.search.rows import SearchContext

#: Read by the API before the search, or how the answer is written: not part of the query.
IGNORED = frozenset({"_format", "_pretty"})
SORT_KEYS_MAX = 5
#: Each is a condition of the statement, or a statement of its own.
CRITERIA_MAX, INCLUDES_MAX = 50, 20
_COLUMNS = {"_id": "resource_id", "_lastUpdated": "last_updated"}


@dataclass(frozen=True)
class Limits:
    """Resources on a page when the client does not say, at most, and included beside one page's matches."""

    page_default: int = 50
    page_max: int = 1000
    include_max: int = 1000


_LIMITS = Limits()
_CONTEXT = SearchContext()


def parse_search(
    resource_type: str | None,
    parameters: Sequence[tuple[str, str]],
    *,
    compartment: tuple[str, str] | None = None,
    lenient: bool = False,
    limits: Limits = _LIMITS,
    context: SearchContext = _CONTEXT,
) -> SearchQuery:
    """Parse decoded (name, value) pairs; raise UnsupportedParameter or BadRequest with `http.<name>` as expression."""
    if resource_type is None:
        raise UnsupportedParameter("Searching all types at once is not supported yet: name a resource type.")
    if resource_type not in definitions().resource_types:
        raise BadRequest("FHIR R4 has no resource type of this name.")
    parser = _SearchParser(resource_type, limits, context, lenient)
    if compartment is not None:
        parser.add_compartment(*compartment)
    for name, value in parameters:
        parser.add(name, value)
    return parser.finish(_fingerprint(resource_type, compartment, parameters))


def _fingerprint(resource_type: str, compartment: tuple[str, str] | None, parameters: Iterable[tuple[str, str]]) -> str:
    searched = sorted((n, v) for n, v in parameters if n not in IGNORED and n not in ("_count", "_total"))
    return hashlib.sha256(repr((resource_type, compartment, searched)).encode()).hexdigest()[:24]


@dataclass
class _SearchParser:
    resource_type: str
    limits: Limits
    context: SearchContext
    lenient: bool
    criteria: list[Criterion] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    result: SearchQuery = field(init=False)

    def __post_init__(self) -> None:
        self.result = SearchQuery(
            self.resource_type, (), page_size=self.limits.page_default, include_max=self.limits.include_max
        )
        self.parse_criterion = CriterionParser(self.context, time.time_ns() // 1000).parse

    def add(self, name: str, value: str) -> None:
        """Take one parameter in."""
        if name in IGNORED:
            return
        try:
            self._add(name, value)
        except UnsupportedParameter as error:
            if not self.lenient:
                raise
            self.warnings += [replace(issue, severity="warning") for issue in error.issues]

    def _add(self, name: str, value: str) -> None:
        expression = f"http.{name}"
        if value == "":
            raise BadRequest("The parameter has no value.", expression)
        base = name.partition(":")[0]
        if base in ("_include", "_revinclude"):
            if len(self.includes) == INCLUDES_MAX:
                raise BadRequest(f"A search takes at most {INCLUDES_MAX} includes.", expression)
            self.includes.append(self._parse_include(name, value, expression))
        elif control := _CONTROLS.get(base):
            if base in self.seen:
                raise BadRequest(f"{base} is given twice.", expression)
            self.seen.add(base)
            if name != base:
                raise UnsupportedParameter(f"{base} has no such modifier.", expression)
            self.result = control(self, value, expression)
        else:
            if len(self.criteria) == CRITERIA_MAX:
                raise BadRequest(f"A search takes at most {CRITERIA_MAX} conditions.", expression)
            self.criteria.append(self.parse_criterion(self.resource_type, name, value, expression))

    def add_compartment(self, name: str, resource_id: str) -> None:
        """Restrict to a compartment, such as ("Patient", "123")."""
        subject = parse_id(resource_id, "http.compartment")
        try:
            members = definitions().compartment(name)
        except KeyError:
            raise BadRequest("FHIR R4 has no compartment of this name.", "http.compartment") from None
        if name == self.resource_type:
            self.criteria.append(OnResource((subject,)))
            return
        if self.resource_type not in members:
            raise BadRequest(f"{self.resource_type} is not in the {name} compartment.", "http.compartment")
        parameters = definitions().search_parameters(self.resource_type)
        tied = tuple(parameters[code] for code in members[self.resource_type])
        self.criteria.append(InCompartment(tied, (ReferenceValue((f"{name}/{resource_id}",)),)))

    def _count(self, value: str, expression: str) -> SearchQuery:
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadRequest("_count is a whole number from 0.", expression)
        if int(value) == 0:
            return replace(self.result, count_only=True)
        return replace(self.result, page_size=min(int(value), self.limits.page_max))

    def _total(self, value: str, expression: str) -> SearchQuery:
        if value not in ("none", "estimate", "accurate"):
            raise BadRequest("_total is none, estimate or accurate.", expression)
        return replace(self.result, total=value != "none")

    def _summary(self, value: str, expression: str) -> SearchQuery:
        if value not in ("count", "false"):
            raise UnsupportedParameter("Of _summary, count and false are supported.", expression)
        return replace(self.result, count_only=value == "count" or self.result.count_only)

    def _sort(self, value: str, expression: str) -> SearchQuery:
        keys = tuple(self._sort_key(part, expression) for part in value.split(","))
        if len(keys) > SORT_KEYS_MAX:
            raise BadRequest(f"_sort takes at most {SORT_KEYS_MAX} keys.", expression)
        return replace(self.result, sort=keys)

    def _sort_key(self, text: str, expression: str) -> SortKey:
        code, descending = text.removeprefix("-"), text.startswith("-")
        parameter = find_parameter(self.resource_type, code, expression)
        column = _COLUMNS.get(code, "")
        return SortKey(None if column else parameter, descending, column)

    def _parse_include(self, name: str, value: str, expression: str) -> Include:
        base, _, modifier = name.partition(":")
        if modifier:
            raise UnsupportedParameter(f"{base}:{modifier} is not supported yet.", expression)
        source, _, rest = value.partition(":")
        code, _, target = rest.partition(":")
        if "*" in (source, code) or not code:
            raise UnsupportedParameter(
                f"{base} takes Type:parameter or Type:parameter:Target; no wildcard.", expression
            )
        if source not in definitions().resource_types or (target and target not in definitions().resource_types):
            raise BadRequest(f"{base} names a resource type that FHIR R4 does not have.", expression)
        parameter = find_parameter(source, code, expression)
        if parameter.type != "reference":
            raise BadRequest(f"{base} needs a reference parameter.", expression)
        reverse = base == "_revinclude"
        if not reverse and source != self.resource_type:
            raise BadRequest(f"_include starts at the searched type, {self.resource_type}.", expression)
        wanted = self.resource_type if reverse else target
        if wanted and wanted not in parameter.targets or (reverse and target not in ("", self.resource_type)):
            raise BadRequest(f"{source}'s parameter {code} does not refer to this type.", expression)
        return Include(parameter, target or None, reverse)

    def finish(self, fingerprint: str) -> SearchQuery:
        query = replace(
            self.result,
            criteria=tuple(self.criteria),
            includes=tuple(dict.fromkeys(self.includes)),
            fingerprint=fingerprint,
            warnings=tuple(self.warnings),
        )
        return choose_order(query)


_CONTROLS = {
    "_count": _SearchParser._count,
    "_total": _SearchParser._total,
    "_summary": _SearchParser._summary,
    "_sort": _SearchParser._sort,
}
