"""Uri parameters: matched as a whole, case and all (https://hl7.org/fhir/R4/search.html#uri)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause

from fhir_server.errors import BadRequest
from fhir_server.search.escapes import unescape
from fhir_server.search.rows import GatheredRows, MakeEmit, clip
from fhir_server.search.values import Bound, Value


def _emit(rows: GatheredRows, number: int, value: Any) -> None:
    rows.uri.add((number, clip(value)))


EMITTERS: Mapping[str, MakeEmit] = {name: lambda _: _emit for name in ("uri", "url", "canonical", "oid", "uuid")}


@dataclass(frozen=True)
class UriValue(Value):
    """The whole URI."""

    value: str

    def bound(self) -> tuple[Bound, ...]:
        return (self.value,)

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        return row.c.value == binds[0]

    def matches(self, row: tuple[Any, ...]) -> bool:
        return bool(row[0] == self.value)


def parse_uri(text: str, expression: str) -> UriValue:
    """Parse a searched URI."""
    if not text:
        raise BadRequest("The URI is empty.", expression)
    return UriValue(clip(unescape(text)))
