"""References: their form, and the resource types that an element lets them point to.

FHIR R4 references: https://hl7.org/fhir/R4/references.html#literal.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from fhir_server.fhir.validate.schema import resource_types

_ID = r"[A-Za-z0-9\-.]{1,64}"
_RELATIVE = re.compile(rf"([A-Z][A-Za-z]+)/{_ID}(/_history/{_ID})?(#[^\s]+)?")
_RESTFUL = re.compile(rf"https?://[^\s?#]+/([A-Z][A-Za-z]+)/{_ID}(/_history/{_ID})?(#[^\s]+)?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?[^\s]+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")

LISTED_MAX = 8


def read_literal(reference: str) -> tuple[str | None, str | None]:
    """Return the resource type that a literal reference names (or None), and what is wrong with its form (or None).

    A fragment (`#id`) is not read here: it is resolved among the contained resources.
    """
    if match := _RELATIVE.fullmatch(reference) or _CONDITIONAL.fullmatch(reference):
        if match.group(1) in resource_types():
            return match.group(1), None
        return None, "does not begin with the name of an R4 resource type"
    if match := _RESTFUL.fullmatch(reference):
        return (match.group(1) if match.group(1) in resource_types() else None), None
    if _ABSOLUTE.fullmatch(reference):
        return None, None
    return None, "must be Type/id, Type/id/_history/version, an absolute URL, a urn: or #id of a contained resource"


def target_problem(found: Any, targets: Collection[str] | None) -> str | None:
    """Return the sentence that says which types may stand here, or None when `found` may or is unknown."""
    if targets is None or found is None or found in targets:
        return None
    names = sorted(targets)
    allowed = ", ".join(names) if len(names) <= LISTED_MAX else f"one of {len(names)} other types"
    other = found if found in resource_types() else "something else"
    return f"must point to {allowed}, not to {other}"
