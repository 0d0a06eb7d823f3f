"""References that a write must settle before storing: to other entries, to what a condition finds, to this record.

https://hl7.org/fhir/R4/http.html#trules (references within a transaction) and #ccreate (conditional references).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhir.documents import Document, replace_links

_RESTFUL = re.compile(r"(?:https?://.+/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})")
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.")


def links_to(full_url: str, target: str) -> dict[str, str]:
    """What links to an entry become: its fullUrl, and for a RESTful fullUrl its relative form too, as `Type/id`."""
    found = {full_url: target}
    restful = _RESTFUL.fullmatch(full_url)
    if restful and restful[1] != target:
        found[restful[1]] = target
    return found


def conditional_references(content: Any) -> set[str]:
    """Every `Type?criteria` that a Reference of the content holds."""
    return {reference for reference in _references(content) if _CONDITIONAL.match(reference)}


def own_references(document: Document, base_url: str) -> dict[str, str]:
    """References that name this record by its full address, and their relative form: only that is indexed as ours."""
    base = f"{base_url}/"
    host = base_url.rpartition("//")[2].partition("/")[0]
    if not any(host in text for _name, text in document.members):
        return {}
    own = (reference for reference in _references(document.content) if reference.startswith(base))
    return {reference: reference.removeprefix(base) for reference in own}


def settle_references(document: Document, base_url: str, known: Mapping[str, str] | None = None) -> Document:
    """The document with the links of `known` replaced and its references to this record made relative."""
    return replace_links(document, {**own_references(document, base_url), **(known or {})})


def _references(content: Any) -> Iterator[str]:
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str):
                yield reference
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
