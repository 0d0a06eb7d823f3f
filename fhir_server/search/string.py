"""String parameters: names, addresses and titles (https://hl7.org/fhir/R4/search.html#string).

Folding removes case, accents and spacing: `LE1 5WW` is found by `le15ww`, `Zoë` by `ZOE`, `van Dyke` by `vandyke`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, FromClause, and_

from fhir_server.errors import BadRequest
from fhir_server.search.escapes import unescape
from fhir_server.search.rows import TEXT_MAX, GatheredRows, MakeEmit, clip
from fhir_server.search.values import Bound, Value

# What messages use for an apostrophe or a hyphen.
_ALIKE = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'", "\u2010": "-", "\u2011": "-", "\u2013": "-"}
)
# In the databases' byte order nothing sorts after it.
_LAST = "\U0010ffff"


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """The form in which strings are compared."""
    if text.isascii():
        return "".join(text.lower().split()).translate(_ALIKE)
    decomposed = unicodedata.normalize("NFKD", text.translate(_ALIKE).casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return "".join(unicodedata.normalize("NFKD", bare.casefold()).split())


def _emit_text(rows: GatheredRows, number: int, value: Any) -> None:
    rows.string.add((number, fold(value)[:TEXT_MAX], clip(value)))


def _emit_parts(rows: GatheredRows, number: int, value: Any, names: tuple[str, ...]) -> None:
    for name in names:
        part = value.get(name)
        if type(part) is str:
            _emit_text(rows, number, part)
        elif part:
            for item in part:
                if item is not None:
                    _emit_text(rows, number, item)


def _emit_name(rows: GatheredRows, number: int, value: Any) -> None:
    _emit_parts(rows, number, value, ("family", "given", "prefix", "suffix", "text"))


def _emit_address(rows: GatheredRows, number: int, value: Any) -> None:
    _emit_parts(rows, number, value, ("text", "line", "city", "district", "state", "postalCode", "country"))


EMITTERS: Mapping[str, MakeEmit] = {
    "string": lambda _: _emit_text,
    "markdown": lambda _: _emit_text,
    "HumanName": lambda _: _emit_name,
    "Address": lambda _: _emit_address,
}


@dataclass(frozen=True)
class StringValue(Value):
    """`how`: `starts` (the default), `exact` or `contains`."""

    how: Literal["starts", "exact", "contains"]
    folded: str
    exact: str

    def shape(self) -> tuple[object, ...]:
        return (self.how,)

    def bound(self) -> tuple[Bound, ...]:
        if self.how == "exact":
            return (self.folded, self.exact)
        if self.how == "starts":
            return (self.folded, self.folded + _LAST)
        literal = self.folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return (f"%{literal}%",)

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        if self.how == "exact":
            return and_(row.c.folded == binds[0], row.c.exact == binds[1])
        if self.how == "starts":
            return and_(row.c.folded >= binds[0], row.c.folded < binds[1])
        return row.c.folded.like(binds[0], escape="\\")

    def matches(self, row: tuple[Any, ...]) -> bool:
        folded, exact = row
        if self.how == "exact":
            return bool(exact == self.exact)
        return bool(folded.startswith(self.folded) if self.how == "starts" else self.folded in folded)


def parse_string(text: str, expression: str, how: Literal["starts", "exact", "contains"]) -> StringValue:
    """Parse a searched string; one longer than what the index keeps is refused rather than cut."""
    plain = unescape(text)
    folded = fold(plain)
    if how == "exact":
        return StringValue(how, folded[:TEXT_MAX], clip(plain))
    if not folded:
        raise BadRequest("The searched text is empty.", expression)
    if len(folded) > TEXT_MAX:
        raise BadRequest(f"The searched text is longer than {TEXT_MAX} characters; use :exact.", expression)
    return StringValue(how, folded, "")
