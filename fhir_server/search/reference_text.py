"""The text of a reference taken apart: which type, which id, which version (https://hl7.org/fhir/R4/references.html).

Nothing is fetched: `resolve() is Patient` is decided by the text, or by `Reference.type`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from conformance.definitions import definitions

_LITERAL = re.compile(
    r"(?P<base>(?:https?://.+?/)?)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


@dataclass(frozen=True)
class Literal:
    """`base` is "" for a resource of this record, else the other server's address with its final slash."""

    base: str
    resource_type: str
    resource_id: str
    version: str | None

    @property
    def target(self) -> str:
        return f"{self.base}{self.resource_type}/{self.resource_id}"


def parse_literal(text: str, base_url: str = "") -> Literal | None:
    """The parts of `Patient/1`, `https://other/fhir/Patient/1/_history/2`; None for a URN, a fragment, a canonical.

    An absolute URL under `base_url` (this record's own, without a final slash) becomes relative.
    """
    match = _LITERAL.fullmatch(text)
    if match is None or match["type"] not in _resource_types():
        return None
    base = match["base"]
    if base_url and base == base_url + "/":
        base = ""
    return Literal(base, match["type"], match["id"], match["version"])


def may_be_of_type(reference: dict[str, Any], resource_type: str, *, untyped: bool) -> bool:
    """What `resolve() is T` can mean without resolving: the text or `Reference.type` says T.

    `untyped`: a reference with only an identifier and no type counts as T: PACSs send their patients like this.
    """
    text = reference.get("reference")
    if type(text) is str and (literal := parse_literal(text)):
        return literal.resource_type == resource_type
    declared = reference.get("type")
    if declared is not None:
        return bool(declared == resource_type)
    return untyped and "identifier" in reference and text is None


_RESOURCE_TYPES: frozenset[str] = frozenset()


def _resource_types() -> frozenset[str]:
    global _RESOURCE_TYPES  # noqa: PLW0603 - read once; a cached call costs as much as the match
    if not _RESOURCE_TYPES:
        _RESOURCE_TYPES = frozenset(definitions().resource_types)
    return _RESOURCE_TYPES
