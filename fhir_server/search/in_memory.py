"""The reference: a query evaluated over documents in plain Python, for tests to hold the SQL against.

It shares extraction and the parsed values with the SQL, and nothing else: no index, no order of evaluation, no paging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from conformance.definitions import SearchParameter
from fhir_server.access.policy import impersonal_types
from fhir_server.access.predicate import AccessRule
from fhir_server.search.date import DateValue
from fhir_server.search.query import (
    Chain,
    Criterion,
    Include,
    InCompartment,
    Matches,
    Missing,
    OnResource,
    Reverse,
    SearchQuery,
    SortKey,
)
from fhir_server.search.reference import ReferenceValue
from fhir_server.search.string import StringValue
from fhir_server.search.token import TokenValue
from fhir_server.storage.index_rows import IndexRows

Row = tuple[Any, ...]


@dataclass(frozen=True)
class IndexedDocument:
    """A resource as the reference sees it."""

    resource_key: int
    resource_type: str
    resource_id: str
    last_updated: int
    rows: IndexRows
    patient_ids: tuple[str, ...] = ()
    custodian: str | None = None
    sealed: int = 0
    deleted: bool = False

    @property
    def name(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


class InMemorySearch:
    """Answers queries over all `documents` for a caller of `rule`."""

    def __init__(self, documents: Iterable[IndexedDocument], rule: AccessRule) -> None:
        self.readable = [d for d in documents if not d.deleted and may_read(d, rule)]

    def matches(self, query: SearchQuery) -> list[IndexedDocument]:
        """All matches in order."""
        of_type = [d for d in self.readable if d.resource_type == query.resource_type]
        found = [d for d in of_type if all(self.satisfies(d, c) for c in query.criteria)]
        return sorted(found, key=cmp_to_key(_make_comparison(query.sort)))

    def included(self, query: SearchQuery, matches: Sequence[IndexedDocument]) -> set[str]:
        """The names of what the includes add to the matches."""
        found: set[str] = set()
        for include in query.includes:
            found |= self._included(include, matches)
        return found - {d.name for d in matches}

    def _included(self, include: Include, matches: Sequence[IndexedDocument]) -> set[str]:
        if include.reverse:
            wanted = {d.name for d in matches}
            source = [d for d in self.readable if d.resource_type == include.parameter.resource_type]
            return {d.name for d in source if wanted & set(_targets(d, include.parameter))}
        targets = {t for d in matches for t in _targets(d, include.parameter)}
        types = (include.target,) if include.target else include.parameter.targets
        return {d.name for d in self.readable if d.name in targets and d.resource_type in types}

    def satisfies(self, document: IndexedDocument, criterion: Criterion) -> bool:
        """Whether one criterion holds of a document."""
        match criterion:
            case OnResource(values=values):
                own = document.last_updated, document.last_updated + 1
                return any(v.matches(own if isinstance(v, DateValue) else (document.resource_id,)) for v in values)
            case Matches(values=values):
                rows = _rows(document, criterion.parameter, _KIND.get(type(values[0]), criterion.parameter.type))
                return criterion.negated != any(v.matches(row) for v in values for row in rows)
            case Missing(parameter=parameter):
                kinds = (parameter.type, "token") if parameter.type == "reference" else (parameter.type,)
                return criterion.missing != any(_rows(document, parameter, kind) for kind in kinds)
            case Chain():
                targets = _targets(document, criterion.parameter)
                return any(self._reaches(targets, hop.resource_type, hop.criterion) for hop in criterion.hops)
            case Reverse():
                return self._is_referred(document, criterion)
            case InCompartment(values=values):
                found = [(t,) for p in criterion.parameters for t in _targets(document, p)]
                return any(v.matches(target) for v in values for target in found)

    def _reaches(self, targets: Sequence[str], resource_type: str, criterion: Criterion) -> bool:
        candidates = [d for d in self.readable if d.resource_type == resource_type and d.name in targets]
        return any(self.satisfies(d, criterion) for d in candidates)

    def _is_referred(self, document: IndexedDocument, reverse: Reverse) -> bool:
        sources = [d for d in self.readable if d.resource_type == reverse.parameter.resource_type]
        referring = [d for d in sources if document.name in _targets(d, reverse.parameter)]
        return any(self.satisfies(d, reverse.criterion) for d in referring)


_KIND: dict[type[Any], str] = {
    TokenValue: "token",
    StringValue: "string",
    DateValue: "date",
    ReferenceValue: "reference",
}


def may_read(document: IndexedDocument, rule: AccessRule) -> bool:
    """The access rule, said once more in Python."""
    if rule.unrestricted:
        return True
    if rule.types is not None and document.resource_type not in rule.types:
        return False
    if document.sealed and (rule.trust is None or document.custodian != rule.trust):
        return False
    if rule.patient_id is None:
        return True
    if not document.patient_ids:
        return document.resource_type in impersonal_types()
    return all(patient == rule.patient_id for patient in document.patient_ids)


def _rows(document: IndexedDocument, parameter: SearchParameter, kind: str) -> list[Row]:
    return [row[1:] for row in getattr(document.rows, kind) if row[0] == parameter.number]


def _targets(document: IndexedDocument, parameter: SearchParameter) -> list[str]:
    return [row[0] for row in _rows(document, parameter, "reference")]


def _make_comparison(keys: Sequence[SortKey]) -> Callable[[IndexedDocument, IndexedDocument], int]:
    def compare(left: IndexedDocument, right: IndexedDocument) -> int:
        for key in keys:
            a, b = sort_value(left, key), sort_value(right, key)
            if a != b:
                if a is None or b is None:
                    return 1 if a is None else -1
                return (-1 if a < b else 1) * (-1 if key.descending else 1)
        return 0

    return compare


def sort_value(document: IndexedDocument, key: SortKey) -> Any:
    """What decides; ties are not part of the reference's promise."""
    if key.parameter is None:
        return getattr(document, key.column)
    rows = _rows(document, key.parameter, key.parameter.type)
    if not rows:
        return None
    first = max(rows) if key.descending else min(rows)
    value = first[0]
    return value.encode() if isinstance(value, str) else value
