"""Entries of a batch or transaction Bundle: their texts, requests and references (https://hl7.org/fhir/R4/http.html#transaction)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from fhir_server.errors import BadRequest, BadStructure, TooLarge
from fhir_server.fhir.documents import Document, parse_document

_URL = re.compile(r"^/?(?P<type>[A-Za-z]+)(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?(?:/_history(?:/(?P<version>[^/?]+))?)?$")
_RESTFUL = re.compile(r"^(?:https?://.+/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})$")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class _Request(msgspec.Struct):
    method: str
    url: str
    ifMatch: str | None = None
    ifNoneMatch: str | None = None
    ifModifiedSince: str | None = None
    ifNoneExist: str | None = None


class _Entry(msgspec.Struct):
    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw(b"")
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    resourceType: str
    type: str | None = None
    entry: list[_Entry] = []


_decoder = msgspec.json.Decoder(_Bundle)


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
    if_none_exist: str | None
    full_url: str | None
    document: Document | None

    @property
    def path(self) -> str:
        return f"Bundle.entry[{self.position}]"


def parse_bundle(body: bytes, base_url: str, entries_max: int) -> tuple[str, list[BundleEntry]]:
    """Return the Bundle's type and entries. BadStructure or BadRequest (400), TooLarge (413)."""
    try:
        bundle = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec names the place and the types, never a value.
        raise BadStructure(f"The body is not a Bundle: {error}") from error
    if bundle.resourceType != "Bundle":
        raise BadStructure("A POST to the base takes a Bundle.", "resourceType")
    if bundle.type not in ("batch", "transaction"):
        raise BadRequest("A POST to the base takes a Bundle of type batch or transaction.", "Bundle.type")
    if len(bundle.entry) > entries_max:
        raise TooLarge(f"The Bundle has more than {entries_max} entries.", "Bundle.entry")
    return bundle.type, [_parse_entry(i, e, base_url) for i, e in enumerate(bundle.entry)]


def _parse_entry(position: int, entry: _Entry, base_url: str) -> BundleEntry:
    path = f"Bundle.entry[{position}]"
    request = entry.request
    if request is None:
        raise BadRequest("The entry has no request.", f"{path}.request")
    if request.method not in _METHODS:
        raise BadRequest("The method is not an HTTP verb of FHIR.", f"{path}.request.method")
    address, _, query = request.url.removeprefix(base_url).partition("?")
    match = _URL.match(address)
    if match is None:
        raise BadRequest("The url is not one of a FHIR interaction.", f"{path}.request.url")
    return BundleEntry(
        position,
        request.method,
        match["type"],
        match["id"],
        match["version"],
        "/_history" in address,
        tuple(parse_qsl(query, keep_blank_values=True)),
        request.ifMatch,
        request.ifNoneExist,
        entry.fullUrl,
        _parse_resource(path, request.method, entry),
    )


def _parse_resource(path: str, method: str, entry: _Entry) -> Document | None:
    raw = bytes(entry.resource)
    if method in ("POST", "PUT"):
        if not raw or raw == b"null":
            raise BadRequest("The entry needs a resource.", f"{path}.resource")
        try:
            return parse_document(raw)
        except BadStructure as error:
            raise BadStructure(error.issues[0].text, f"{path}.resource") from error
    return None


def replacements(entries: Sequence[BundleEntry], ids: Mapping[int, str]) -> dict[str, str]:
    """What references to entries become: their fullUrl, and for a RESTful fullUrl its relative form, as `Type/id`."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.full_url is None or entry.position not in ids:
            continue
        target = ids[entry.position]
        found[entry.full_url] = target
        restful = _RESTFUL.match(entry.full_url)
        if restful and restful[1] != target:
            found[restful[1]] = target
    return found


def conditional_references(content: Any) -> Iterator[str]:
    """Every `Type?criteria` that a Reference of the content holds."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str) and re.match(r"^[A-Z][A-Za-z]+\?.", reference):
                yield reference
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
