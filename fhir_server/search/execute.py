"""Run a search: one statement for the page's matches, and a bounded few for totals and includes.

Paging is by keyset. While pages are walked an updated resource may repeat but is never omitted: after the last page a
tail lists the matches that were updated since the walk began.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from fhir_server.access.predicate import AccessRule
from fhir_server.errors import BadRequest, Issue
from fhir_server.search.found import FoundResource, make_found
from fhir_server.search.includes import find_included
from fhir_server.search.leads import NARROW_MAX, choose_lead, counted, is_sure
from fhir_server.search.page_token import DAMAGED, Cursor, PageTokens
from fhir_server.search.parameters import is_points
from fhir_server.search.plans import Plans
from fhir_server.search.query import Criterion, Matches, SearchQuery, bound_parameters, shape_of
from fhir_server.search.sql import (
    COLUMNS,
    Part,
    candidates,
    compile_breadth,
    compile_count,
    compile_search,
    parts_of,
)
from fhir_server.search.sql_criteria import is_on_same_row

#: A transaction that began this long before the walk may commit during it.
WALK_SLACK = 60_000_000

_PLANS = Plans()


@dataclass(frozen=True)
class SearchPage:
    """One page. `total` is None when it was neither asked for nor evident; `warnings` belong in the answer."""

    matches: list[FoundResource]
    included: list[FoundResource] = field(default_factory=list)
    next_token: str | None = None
    total: int | None = None
    warnings: tuple[Issue, ...] = ()


def run_search(
    connection: Connection,
    query: SearchQuery,
    rule: AccessRule,
    *,
    page_token: str | None = None,
    caller: str = "",
    token_key: bytes = b"",
) -> SearchPage:
    """Answer a search with what the rule lets the caller read.

    A page token of another search or made under another rule is refused (BadRequest), and so is one of another
    `caller`, where tokens are not to be passed on. `token_key` encrypts the tokens: they can hold a name. Raises
    Forbidden when the rule does not cover the searched type.
    """
    rule.require_type(query.resource_type)
    if query.count_only:
        return SearchPage([], total=count_matches(connection, query, rule), warnings=query.warnings)
    tokens = PageTokens(f"{query.fingerprint}\n{_identity(rule)}\n{caller}", token_key)
    now = time.time_ns() // 1000
    cursor = tokens.read(page_token) if page_token else Cursor(Part.VALUED, now - WALK_SLACK)
    walk = _Walk(connection, query, rule)
    matches, following = walk.page(cursor)
    included, warnings = find_included(connection, query, rule, matches)
    whole = page_token is None and following is None
    total = len(matches) if whole else count_matches(connection, query, rule) if query.total else None
    next_token = tokens.make(following) if following else None
    return SearchPage(matches, included, next_token, total, (*query.warnings, *warnings))


def _identity(rule: AccessRule) -> str:
    types = None if rule.types is None else sorted(rule.types)
    return repr((types, rule.trust, rule.patient_id, rule.unrestricted))


def count_matches(connection: Connection, query: SearchQuery, rule: AccessRule) -> int:
    """How many resources match, exactly."""
    key = ("count", query.shape, rule.shape)
    parameters = {**bound_parameters(query.criteria), **rule.parameters}
    return int(_PLANS.run(connection, key, lambda: compile_count(query, rule), parameters)[0][0])


class _Walk:
    """Reads the pages of one search."""

    def __init__(self, connection: Connection, query: SearchQuery, rule: AccessRule) -> None:
        self.connection = connection
        self.query = query
        self.rule = rule
        self._narrow: dict[Criterion, bool] = {}
        self.parameters = {**bound_parameters(query.criteria), **rule.parameters}

    def page(self, cursor: Cursor) -> tuple[list[FoundResource], Cursor | None]:
        """The page that begins after the cursor, and the cursor of the next one (None: there is none)."""
        size, continued = self.query.page_size, cursor
        rows: list[tuple[Part, Row[Any]]] = []
        for part in self._parts_from(cursor.part):
            rows += [(part, row) for row in self._rows(part, continued, size + 1 - len(rows))]
            if len(rows) > size:
                last_part, last = rows[size - 1]
                following = Cursor(last_part, cursor.walk_start, tuple(last[len(COLUMNS) :]))
                return self._finish(rows[:size]), following
            continued = Cursor(part, cursor.walk_start)
        return self._finish(rows), self._tail(cursor)

    def _parts_from(self, part: Part) -> tuple[Part, ...]:
        parts = parts_of(self.query)
        if part is Part.TAIL:
            return (part,)
        if part not in parts:
            raise BadRequest(DAMAGED)
        return parts[parts.index(part) :]

    def _rows(self, part: Part, cursor: Cursor, limit: int) -> Sequence[Row[Any]]:
        continued = bool(cursor.values)
        lead = self._lead(part)
        place = None if lead is None else self.query.criteria.index(lead)
        values = {f"c{n}": value for n, value in enumerate(cursor.values)}
        return _PLANS.run(
            self.connection,
            (part, continued, place, self.query.shape, self.rule.shape),
            lambda: compile_search(self.query, self.rule, part, continued=continued, lead=lead),
            {**self.parameters, **values, "page_limit": limit, "walk_start": cursor.walk_start},
        )

    def _lead(self, part: Part) -> Criterion | None:
        by_key = not self.query.sort or part is not Part.VALUED
        return choose_lead(candidates(self.query, part), self._is_narrow, by_key=by_key)

    def _is_narrow(self, criterion: Criterion) -> bool:
        if criterion not in self._narrow:
            found = counted(criterion)
            self._narrow[criterion] = found is not None and all(is_sure(m) or self._has_few_rows(m) for m in found)
        return self._narrow[criterion]

    def _has_few_rows(self, criterion: Matches) -> bool:
        criteria = self._window(criterion)
        rows = _PLANS.run(
            self.connection,
            ("breadth", shape_of(criteria)),
            lambda: compile_breadth(criteria, self.rule),
            bound_parameters(criteria),
        )
        return int(rows[0][0]) <= NARROW_MAX

    def _window(self, criterion: Matches) -> tuple[Matches, ...]:
        """The criterion with those that narrow the same index range further: both ends of a time window."""
        if not (
            criterion in self.query.criteria and criterion.parameter.type == "date" and is_points(criterion.parameter)
        ):
            return (criterion,)
        matches = [c for c in self.query.criteria if isinstance(c, Matches)]
        return tuple(c for c in matches if is_on_same_row(c, criterion)) or (criterion,)

    def _tail(self, cursor: Cursor) -> Cursor | None:
        """The tail's cursor, when the walk took several pages and something was updated meanwhile."""
        if cursor.part is Part.TAIL or not cursor.values:
            return None
        tail = Cursor(Part.TAIL, cursor.walk_start)
        return tail if self._rows(Part.TAIL, tail, 1) else None

    def _finish(self, rows: Sequence[tuple[Part, Row[Any]]]) -> list[FoundResource]:
        return make_found(self.connection, [row[: len(COLUMNS)] for _, row in rows])
