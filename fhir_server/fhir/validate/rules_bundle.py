"""The invariants of Bundle, bdl-1 to bdl-12 (https://hl7.org/fhir/R4/bundle.html#invariants)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

# Tuples: the type of a spoilt Bundle may be anything, and a set can only be asked about what is hashable.
ASKING = ("batch", "transaction", "history")
ANSWERING = ("batch-response", "transaction-response", "history")


def _entries(bundle: Json) -> list[Json]:
    entries = bundle.get("entry", ())
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _resource(entry: Json) -> Json:
    resource = entry.get("resource")
    return resource if isinstance(resource, dict) else {}


def _first_type(bundle: Json) -> Any:
    entries = _entries(bundle)
    return _resource(entries[0]).get("resourceType") if entries else None


def _full_urls_unique(bundle: Json) -> bool:
    if bundle.get("type") == "history":
        return True
    keys = [(str(entry["fullUrl"]), _version(entry)) for entry in _entries(bundle) if "fullUrl" in entry]
    return len(set(keys)) == len(keys)


def _version(entry: Json) -> str:
    meta = _resource(entry).get("meta")
    return str(meta.get("versionId", "")) if isinstance(meta, dict) else ""


def _document_identified(bundle: Json) -> bool:
    identifier = bundle.get("identifier")
    named = isinstance(identifier, dict) and "system" in identifier and "value" in identifier
    return bundle.get("type") != "document" or named


BUNDLE_RULES: dict[str, dict[str, Callable[[Json], bool]]] = {
    "Bundle": {
        "bdl-1": lambda b: "total" not in b or b.get("type") in ("searchset", "history"),
        "bdl-2": lambda b: b.get("type") == "searchset" or not any("search" in e for e in _entries(b)),
        "bdl-3": lambda b: all(("request" in e) == (b.get("type") in ASKING) for e in _entries(b)),
        "bdl-4": lambda b: all(("response" in e) == (b.get("type") in ANSWERING) for e in _entries(b)),
        "bdl-7": _full_urls_unique,
        "bdl-9": _document_identified,
        "bdl-10": lambda b: b.get("type") != "document" or "timestamp" in b,
        "bdl-11": lambda b: b.get("type") != "document" or _first_type(b) == "Composition",
        "bdl-12": lambda b: b.get("type") != "message" or _first_type(b) == "MessageHeader",
    },
    "Bundle.entry": {
        "bdl-5": lambda e: "resource" in e or "request" in e or "response" in e,
        "bdl-8": lambda e: "/_history/" not in str(e.get("fullUrl", "")),
    },
}
