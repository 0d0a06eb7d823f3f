"""Entries of a batch or transaction Bundle: their texts and requests (https://hl7.org/fhir/R4/http.html#transaction)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from fhir_server.errors import BadRequest, BadStructure, RecordError, TooLarge
from fhir_server.fhir.documents import Document, decode_text, parse_json, read_document
from fhir_server.interactions.conditions import Precondition
from fhir_server.interactions.write import require_valid

_URL = re.compile(r"/?(?P<type>[A-Za-z]+)(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?(?:/_history(?:/(?P<version>[^/?]+))?)?")


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"")


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_texts = msgspec.json.Decoder(_Bundle)


@dataclass(frozen=True)
class BundleEntry:
    """One entry's request. `path` names it in issues, e.g. `Bundle.entry[3]`."""

    position: int
    method: str
    resource_type: str
    resource_id: str | None
    version_id: str | None
    is_history: bool
    parameters: tuple[tuple[str, str], ...]
    if_match: str | None
    if_none_match: str | None
    if_none_exist: str | None
    full_url: str | None
    document: Document | None
    problem: RecordError | None = None

    @property
    def precondition(self) -> Precondition:
        """The condition of a write."""
        return Precondition(self.if_match, self.if_none_match)

    @property
    def path(self) -> str:
        return f"Bundle.entry[{self.position}]"


def parse_bundle(body: bytes, base_url: str, entries_max: int) -> tuple[str, list[BundleEntry]]:
    """Return the Bundle's type and entries. BadStructure or BadRequest (400), TooLarge (413).

    An entry whose request or resource cannot be understood carries its `problem`: only a transaction fails by it.
    """
    text = decode_text(body)
    bundle = parse_json(text)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise BadStructure("A POST to the base takes a Bundle.", "resourceType")
    if bundle.get("type") not in ("batch", "transaction"):
        raise BadRequest("A POST to the base takes a Bundle of type batch or transaction.", "Bundle.type")
    entries = _require_entries(bundle, entries_max)
    texts = _texts.decode(text).entry if entries else []
    parsed = [
        _parse_entry(i, e, bytes(t.resource), base_url) for i, (e, t) in enumerate(zip(entries, texts, strict=True))
    ]
    return bundle["type"], parsed


def _require_entries(bundle: dict[str, Any], entries_max: int) -> list[dict[str, Any]]:
    """The entries, when the Bundle around their resources is valid."""
    entries: Any = bundle.get("entry", [])
    if isinstance(entries, list) and all(isinstance(e, dict) for e in entries):
        if len(entries) > entries_max:
            raise TooLarge(f"The Bundle has more than {entries_max} entries.", "Bundle.entry")
        for position, entry in enumerate(entries):
            if "request" not in entry:
                raise BadRequest("The entry has no request.", f"Bundle.entry[{position}].request")
        if entries:
            bundle = bundle | {"entry": [{k: v for k, v in e.items() if k != "resource"} for e in entries]}
    require_valid(Document(bundle, ()))
    return list(entries)


def _parse_entry(position: int, entry: dict[str, Any], text: bytes, base_url: str) -> BundleEntry:
    request = entry["request"]
    address, _, query = request["url"].removeprefix(f"{base_url}/").partition("?")
    match = _URL.fullmatch(address)
    made = BundleEntry(
        position,
        request["method"],
        match["type"] if match else "",
        match["id"] if match else None,
        match["version"] if match else None,
        "/_history" in address,
        tuple(parse_qsl(query, keep_blank_values=True)),
        request.get("ifMatch"),
        request.get("ifNoneMatch"),
        request.get("ifNoneExist"),
        entry.get("fullUrl"),
        None,
    )
    try:
        if match is None or made.is_history and made.resource_id is None:
            raise BadRequest("The url is not one of an interaction that is offered.", "http.url")
        return replace(made, document=_parse_resource(made, entry, text))
    except RecordError as error:
        return replace(made, problem=at_entry(made, error))


def _parse_resource(made: BundleEntry, entry: dict[str, Any], text: bytes) -> Document | None:
    if made.method not in ("POST", "PUT"):
        return None
    if made.parameters:
        raise BadRequest("A write takes no search parameters.", "http.url")
    if "resource" not in entry:
        raise BadRequest("The entry needs a resource.", "resource")
    try:
        return read_document(entry["resource"], text.decode())
    except BadStructure as error:
        raise BadStructure(error.issues[0].text, "resource") from error


_PLACES = {"http.If-Match": "request.ifMatch", "http.If-None-Match": "request.ifNoneMatch",
           "http.If-None-Exist": "request.ifNoneExist", "http.method": "request.method"}  # fmt: skip


def at_entry(entry: BundleEntry, error: RecordError) -> RecordError:
    """The same error with every expression inside the entry, e.g. `Bundle.entry[2].resource.status`."""
    return type(error)(issues=[replace(i, expression=_inside(entry, i.expression)) for i in error.issues])


def _inside(entry: BundleEntry, expression: str | None) -> str:
    if expression is None:
        return entry.path
    if expression.startswith("http."):
        return f"{entry.path}.{_PLACES.get(expression, 'request.url')}"
    _, _, rest = expression.partition(".")
    return f"{entry.path}.resource.{rest}" if rest else f"{entry.path}.resource"
