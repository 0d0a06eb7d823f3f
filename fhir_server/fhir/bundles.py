"""Bundles of stored bytes: resources are spliced in as they are, never parsed (https://hl7.org/fhir/R4/bundle.html)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from fhir_server.errors import Issue
from fhir_server.fhir.documents import encode
from fhir_server.fhir.instants import format_instant
from fhir_server.fhir.operation_outcomes import make_operation_outcome


class StoredResource(Protocol):
    """What a Bundle needs of a version."""

    @property
    def resource_type(self) -> str: ...
    @property
    def resource_id(self) -> str: ...
    @property
    def version_id(self) -> int: ...
    @property
    def last_updated(self) -> int: ...
    @property
    def body(self) -> bytes | None: ...


def etag(version_id: int) -> str:
    return f'W/"{version_id}"'


def _links(links: Iterable[tuple[str, str]]) -> bytes:
    return encode([{"relation": relation, "url": url} for relation, url in links])


def _bundle(kind: str, head: dict[str, Any], links: Sequence[tuple[str, str]], entries: Sequence[bytes]) -> bytes:
    start = encode({"resourceType": "Bundle", "type": kind} | head)[:-1]
    parts = [start]
    if links:
        parts.append(b',"link":' + _links(links))
    if entries:
        parts.append(b',"entry":[' + b",".join(entries) + b"]")
    return b"".join(parts) + b"}"


def make_searchset(
    matches: Iterable[StoredResource],
    included: Iterable[StoredResource],
    issues: Sequence[Issue],
    *,
    base_url: str,
    links: Sequence[tuple[str, str]],
    total: int | None,
) -> bytes:
    """A searchset; `issues` become an entry of mode outcome."""
    entries = [_search_entry(base_url, m, b"match") for m in matches]
    entries += [_search_entry(base_url, i, b"include") for i in included]
    if issues:
        outcome = encode(make_operation_outcome(issues))
        entries.append(b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}')
    return _bundle("searchset", {} if total is None else {"total": total}, links, entries)


def _search_entry(base_url: str, found: StoredResource, mode: bytes) -> bytes:
    url = encode(f"{base_url}/{found.resource_type}/{found.resource_id}")
    return b'{"fullUrl":' + url + b',"resource":' + (found.body or b"null") + b',"search":{"mode":"' + mode + b'"}}'


class HistoricVersion(StoredResource, Protocol):
    @property
    def method(self) -> str: ...


def make_history(
    versions: Iterable[HistoricVersion], *, base_url: str, links: Sequence[tuple[str, str]], total: int | None
) -> bytes:
    """A history Bundle, newest version first."""
    head = {} if total is None else {"total": total}
    return _bundle("history", head, links, [_history_entry(base_url, v) for v in versions])


def _history_entry(base_url: str, version: HistoricVersion) -> bytes:
    address = f"{version.resource_type}/{version.resource_id}"
    request = {"method": version.method, "url": version.resource_type if version.method == "POST" else address}
    status = "201" if version.version_id == 1 else "204" if version.body is None else "200"
    response = {
        "status": status, "etag": etag(version.version_id), "lastModified": format_instant(version.last_updated),
    }  # fmt: skip
    parts = [b'{"fullUrl":' + encode(f"{base_url}/{address}")]
    if version.body is not None:
        parts.append(b',"resource":' + version.body)
    parts.append(b',"request":' + encode(request) + b',"response":' + encode(response) + b"}")
    return b"".join(parts)


def make_response_entry(
    status: str, version: StoredResource | None, *, base_url: str, with_resource: bool, resource: bytes | None = None
) -> bytes:
    """An entry of a batch-response or transaction-response; `resource` is an answer that is not a stored version."""
    response: dict[str, Any] = {"status": status}
    parts = []
    if version is not None:
        address = f"{version.resource_type}/{version.resource_id}"
        response["location"] = f"{base_url}/{address}/_history/{version.version_id}"
        response["etag"] = etag(version.version_id)
        response["lastModified"] = format_instant(version.last_updated)
        parts.append(b'"fullUrl":' + encode(f"{base_url}/{address}"))
        if with_resource and version.body is not None:
            resource = version.body
    if resource is not None:
        parts.append(b'"resource":' + resource)
    parts.append(b'"response":' + encode(response))
    return b"{" + b",".join(parts) + b"}"


def make_error_entry(status: str, issues: Sequence[Issue]) -> bytes:
    """An entry whose request failed."""
    outcome = make_operation_outcome(issues)
    return b'{"response":' + encode({"status": status, "outcome": outcome}) + b"}"


def make_response_bundle(kind: str, entries: Sequence[bytes], links: Sequence[tuple[str, str]] = ()) -> bytes:
    """`kind` is batch-response or transaction-response."""
    return _bundle(kind, {}, links, entries)
