"""Searches answered from the resource row itself: `_id` and `_lastUpdated` (https://hl7.org/fhir/R4/search.html#all)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_

from fhir_server.errors import BadRequest
from fhir_server.search.date import DateValue
from fhir_server.search.values import Bound, Value

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True)
class IdValue(Value):
    """A resource id."""

    resource_id: str

    def bound(self) -> tuple[Bound, ...]:
        return (self.resource_id,)

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        return row.c.resource_id == binds[0]

    def matches(self, row: tuple[Any, ...]) -> bool:
        return bool(row[0] == self.resource_id)


def parse_id(text: str, expression: str) -> IdValue:
    """Parse a resource id."""
    if not _ID.fullmatch(text):
        raise BadRequest("Not a resource id: expected 1 to 64 letters, digits, hyphens or full stops.", expression)
    return IdValue(text)


@dataclass(frozen=True)
class LastUpdatedValue(DateValue):
    """A comparison with `meta.lastUpdated`, a point in time."""

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        moment, low, high = row.c.last_updated, *binds
        if self.prefix in ("eq", "ap"):
            return and_(moment >= low, moment < high)
        if self.prefix == "ne":
            return or_(moment < low, moment >= high)
        return {"gt": moment >= high, "sa": moment >= high, "ge": moment >= low}.get(
            self.prefix, moment < (high if self.prefix == "le" else low)
        )
