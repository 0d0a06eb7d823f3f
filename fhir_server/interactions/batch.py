"""batch: each entry on its own (https://hl7.org/fhir/R4/http.html#brules); also the reads of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fhir_server.errors import BadRequest, MethodNotAllowed, RecordError
from fhir_server.fhir.bundles import make_error_entry, make_history, make_response_entry, make_searchset
from fhir_server.interactions.bundle_entries import BundleEntry, at_entry
from fhir_server.interactions.conditions import names_version
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.read import read
from fhir_server.interactions.search_type import SearchAnswer, search_type
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread
from fhir_server.storage.resources import FoundVersion

STATUS_TEXTS = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}


@dataclass(frozen=True)
class EntryOptions:
    """How entries are answered: with the written resource or without, and who prints the links of a search."""

    with_resource: bool
    search_links: Callable[[Exchange, str, SearchAnswer], list[tuple[str, str]]]
    lenient: bool = False


def batch(exchange: Exchange, entries: Sequence[BundleEntry], options: EntryOptions) -> list[bytes]:
    """The response entries in the order of the request; a failed one carries its OperationOutcome."""
    return [answer_entry(exchange, entry, options) for entry in entries]


def answer_entry(exchange: Exchange, entry: BundleEntry, options: EntryOptions) -> bytes:
    """Carry out one entry by itself."""
    try:
        if entry.problem is not None:
            raise entry.problem
        return _HANDLERS.get(entry.method, _not_offered)(exchange, entry, options)
    except RecordError as error:
        at = error if error is entry.problem else at_entry(entry, error)
        return make_error_entry(str(error.status), at.issues)


def _not_offered(_exchange: Exchange, entry: BundleEntry, _options: EntryOptions) -> bytes:
    raise MethodNotAllowed(f"{entry.method} is not offered in a Bundle.", "http.method")


def _get(exchange: Exchange, entry: BundleEntry, options: EntryOptions) -> bytes:
    base = exchange.base_url
    if entry.resource_id is None:
        page_token = dict(entry.parameters).get("_page")
        parameters = [p for p in entry.parameters if p[0] != "_page"]
        answer = search_type(exchange, entry.resource_type, parameters, lenient=options.lenient, page_token=page_token)
        links = options.search_links(exchange, entry.resource_type, answer)
        page = answer.page
        body = make_searchset(page.matches, page.included, page.warnings, base_url=base, links=links, total=page.total)
        return make_response_entry("200 OK", None, base_url=base, with_resource=False, resource=body)
    if entry.is_history and entry.version_id is None:
        history = history_instance(
            exchange, entry.resource_type, entry.resource_id, count=1000, since=None, below_version=None
        )
        body = make_history(history.versions, base_url=base, links=(), total=None)
        return make_response_entry("200 OK", None, base_url=base, with_resource=False, resource=body)
    if entry.version_id is not None:
        found = vread(exchange, entry.resource_type, entry.resource_id, entry.version_id)
    else:
        found = read(exchange, entry.resource_type, entry.resource_id)
        tags = entry.if_none_match
        if tags is not None and names_version(tags, found.version_id, "http.If-None-Match"):
            return make_response_entry("304 Not Modified", found, base_url=base, with_resource=False)
    return make_response_entry("200 OK", found, base_url=base, with_resource=True)


def _post(exchange: Exchange, entry: BundleEntry, options: EntryOptions) -> bytes:
    if entry.document is None or entry.resource_id is not None:
        raise BadRequest("A POST names the type only.", "http.url")
    written = create(exchange, entry.resource_type, entry.document, entry.if_none_exist)
    return _written(exchange, written.status, written.version, options)


def _put(exchange: Exchange, entry: BundleEntry, options: EntryOptions) -> bytes:
    if entry.document is None or entry.resource_id is None:
        raise BadRequest("A conditional PUT is not offered; name the id.", "http.url")
    written = update(exchange, entry.resource_type, entry.resource_id, entry.document, entry.precondition)
    return _written(exchange, written.status, written.version, options)


def _delete(exchange: Exchange, entry: BundleEntry, options: EntryOptions) -> bytes:
    if entry.resource_id is None:
        raise BadRequest("A conditional DELETE is not offered; name the id.", "http.url")
    deleted = delete(exchange, entry.resource_type, entry.resource_id, entry.precondition)
    return _written(exchange, 204, deleted, options)


def _written(exchange: Exchange, status: int, version: FoundVersion | None, options: EntryOptions) -> bytes:
    return make_response_entry(
        STATUS_TEXTS[status], version, base_url=exchange.base_url, with_resource=options.with_resource
    )


_HANDLERS: dict[str, Callable[[Exchange, BundleEntry, EntryOptions], bytes]] = {
    "GET": _get,
    "HEAD": _get,
    "POST": _post,
    "PUT": _put,
    "DELETE": _delete,
}
