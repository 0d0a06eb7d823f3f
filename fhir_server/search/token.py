"""Token parameters: codes, identifiers and flags (https://hl7.org/fhir/R4/search.html#token)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, select

from conformance.definitions import ElementDefinition, definitions
from fhir_server.errors import BadRequest
from fhir_server.search.escapes import split_unescaped
from fhir_server.search.rows import Emit, GatheredRows, MakeEmit, clip
from fhir_server.search.values import Bound, Value
from fhir_server.storage.tables import uri

# --- extraction: rows (parameter, code, system); a value without a code leaves a row with code "", so that it counts as
# --- present.


def _emit_coding(rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, clip(value.get("code") or ""), clip(value.get("system") or "")))


def _emit_concept(rows: GatheredRows, number: int, value: Any) -> None:
    codings = value.get("coding")
    if not codings:
        rows.token.add((number, "", ""))
        return
    for coding in codings:
        _emit_coding(rows, number, coding)


def emit_identifier(rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, clip(value.get("value") or ""), clip(value.get("system") or "")))


def _emit_contact(rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, clip(value.get("value") or ""), ""))


def _emit_text(rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, clip(value), ""))


def _emit_boolean(rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, "true" if value else "false", ""))


def _emit_code(systems: Mapping[str, str], rows: GatheredRows, number: int, value: Any) -> None:
    rows.token.add((number, clip(value), systems.get(value, "")))


def _make_code(element: ElementDefinition | None) -> Emit:
    """A `code` has the system of the value set that it is bound to."""
    binding = element.binding if element else None
    codings = definitions().value_set_codings(binding.value_set) if binding else None
    if not codings:
        return _emit_text
    return partial(_emit_code, {code: system for system, code in sorted(codings)})


EMITTERS: Mapping[str, MakeEmit] = {
    "Coding": lambda _: _emit_coding,
    "CodeableConcept": lambda _: _emit_concept,
    "Identifier": lambda _: emit_identifier,
    "ContactPoint": lambda _: _emit_contact,
    "boolean": lambda _: _emit_boolean,
    "code": _make_code,
    "id": lambda _: _emit_text,
    "string": lambda _: _emit_text,
    "uri": lambda _: _emit_text,
}

#: Elements that have no system of their own: `|code` finds them too.
PRIMITIVES = frozenset({"boolean", "code", "id", "string", "uri", "ContactPoint"})


# --- search values


@dataclass(frozen=True)
class TokenValue(Value):
    """`code` or `system` None: any; system "": none."""

    code: str | None
    system: str | None

    def shape(self) -> tuple[object, ...]:
        return (self.code is None, self.system is None, self.system == "")

    def bound(self) -> tuple[Bound, ...]:
        return tuple(v for v in (self.code, self.system) if v)

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        remaining = list(binds)
        conditions: list[ColumnElement[bool]] = []
        if self.code is not None:
            conditions.append(row.c.code == remaining.pop(0))
        if self.system == "":
            conditions.append(row.c.system == 0)
        elif self.system is not None:
            number = select(uri.c.uri_number).where(uri.c.uri == remaining.pop(0)).scalar_subquery()
            conditions.append(row.c.system == number)
        return and_(*conditions)

    def matches(self, row: tuple[Any, ...]) -> bool:
        code, system = row
        return self.code in (None, code) and self.system in (None, system)


def parse_token(text: str, expression: str, *, primitive: bool = False) -> TokenValue:
    """Parse `code`, `system|code`, `|code` or `system|`; `primitive`: the elements have no system of their own."""
    parts = split_unescaped(text, "|")
    if len(parts) > 2:
        raise BadRequest("A token has the form system|code; a | inside it is written \\|.", expression)
    if len(parts) == 1:
        code, system = parts[0], None
    else:
        code, system = parts[1], None if primitive and not parts[0] else clip(parts[0])
    if not code and not system:
        raise BadRequest("The token is empty.", expression)
    return TokenValue(clip(code) if code else None, system)
