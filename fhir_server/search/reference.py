"""Reference parameters (https://hl7.org/fhir/R4/search.html#reference).

A literal reference is indexed as `Patient/1`; a versioned one also with its version, a canonical also with `|version`;
a logical one (`Reference.identifier`) as a token under the same parameter, which is what `:identifier` looks up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause

from fhir_server.errors import BadRequest
from fhir_server.search.escapes import unescape
from fhir_server.search.reference_text import parse_literal
from fhir_server.search.rows import GatheredRows, MakeEmit, clip
from fhir_server.search.token import emit_identifier
from fhir_server.search.values import Bound, Value


def _emit_reference(rows: GatheredRows, number: int, value: Any) -> None:
    if text := value.get("reference"):
        _emit_text(rows, number, text)
    if identifier := value.get("identifier"):
        emit_identifier(rows, number, identifier)


def _emit_text(rows: GatheredRows, number: int, text: str) -> None:
    literal = parse_literal(text, rows.context.base_url)
    if literal is None:
        _emit_canonical(rows, number, text)
        return
    rows.reference[number, clip(literal.target)] = literal.version
    if literal.version:
        rows.reference[number, clip(f"{literal.target}/_history/{literal.version}")] = literal.version


def _emit_canonical(rows: GatheredRows, number: int, text: str) -> None:
    url, _, version = text.partition("|")
    rows.reference[number, clip(url)] = version or None
    if version:
        rows.reference[number, clip(text)] = version


def _emit_resource(rows: GatheredRows, number: int, value: Any) -> None:
    if "id" in value:
        rows.reference[number, f"{value['resourceType']}/{value['id']}"] = None


def _emit_attachment(rows: GatheredRows, number: int, value: Any) -> None:
    if url := value.get("url"):
        _emit_text(rows, number, url)


EMITTERS: Mapping[str, MakeEmit] = {
    "Reference": lambda _: _emit_reference,
    "canonical": lambda _: _emit_canonical,
    "uri": lambda _: _emit_canonical,
    "Resource": lambda _: _emit_resource,
    "Attachment": lambda _: _emit_attachment,
}


@dataclass(frozen=True)
class ReferenceValue(Value):
    """Any of these targets, as they are indexed."""

    targets: tuple[str, ...]

    def shape(self) -> tuple[object, ...]:
        return (len(self.targets),)

    def bound(self) -> tuple[Bound, ...]:
        return self.targets

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        return row.c.target == binds[0] if len(binds) == 1 else row.c.target.in_(binds)

    def matches(self, row: tuple[Any, ...]) -> bool:
        return row[0] in self.targets


def parse_reference(text: str, expression: str, target_types: Iterable[str], base_url: str) -> ReferenceValue:
    """Parse `Patient/1`, `1` (of any of the target types), an absolute URL or a canonical."""
    plain = unescape(text)
    if not plain:
        raise BadRequest("The reference is empty.", expression)
    if literal := parse_literal(plain, base_url):
        target = f"{literal.target}/_history/{literal.version}" if literal.version else literal.target
        return ReferenceValue((clip(target),))
    if ":" in plain or "/" in plain or plain.startswith("#"):
        return ReferenceValue((clip(plain),))
    return ReferenceValue(tuple(f"{t}/{plain}" for t in sorted(target_types)))
