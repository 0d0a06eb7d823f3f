"""Index rows while they are gathered, and what gathering needs to know of this record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.definitions import ElementDefinition
from fhir_server.storage.index_rows import IndexRows

#: Longest text kept whole in an index row, in characters: two of them fit the 2,704 bytes of a PostgreSQL b-tree entry.
TEXT_MAX = 250


@dataclass(frozen=True)
class SearchContext:
    """`base_url`: the address of this record's own API without a final slash; `time_zone`: see design decision 17."""

    base_url: str = ""
    time_zone: str = "Europe/London"


@dataclass(slots=True)
class GatheredRows:
    """IndexRows in the making."""

    context: SearchContext
    token: set[tuple[int, str, str]] = field(default_factory=set)
    string: set[tuple[int, str, str]] = field(default_factory=set)
    date: set[tuple[int, int, int]] = field(default_factory=set)
    reference: dict[tuple[int, str], str | None] = field(default_factory=dict)
    uri: set[tuple[int, str]] = field(default_factory=set)

    def freeze(self) -> IndexRows:
        return IndexRows(
            token=frozenset(self.token),
            string=frozenset(self.string),
            date=frozenset(self.date),
            reference=frozenset((number, target, version) for (number, target), version in self.reference.items()),
            uri=frozenset(self.uri),
        )


#: Adds the rows of one value for the search parameter of that number.
Emit = Callable[[GatheredRows, int, Any], None]
#: Makes the emitter for an element of one FHIR type.
MakeEmit = Callable[[ElementDefinition | None], Emit]


def clip(text: str) -> str:
    """The text itself, or when it is too long for an index row its beginning and a digest: equal texts stay equal."""
    if len(text) <= TEXT_MAX:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f"{text[: TEXT_MAX - 41]}#{digest}"
