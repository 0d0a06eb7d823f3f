"""FHIR over HTTP: the route table (https://hl7.org/fhir/R4/http.html#summary). Each view is one interaction."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, request

from fhir_server.access.declare import Audience, open_to
from fhir_server.api.negotiation import parse_prefer, read_body, require_json_accepted, require_json_body
from fhir_server.api.responses import (
    body_response,
    current_exchange,
    is_unchanged,
    not_modified_response,
    version_response,
    written_response,
)
from fhir_server.errors import BadRequest, NotFound, UnsupportedMediaType, UnsupportedParameter
from fhir_server.fhir.bundles import make_history, make_response_bundle, make_response_entry, make_searchset
from fhir_server.fhir.documents import parse_document
from fhir_server.fhir.instants import parse_instant
from fhir_server.interactions.batch import STATUS_TEXTS, EntryOptions, answer_entry, batch
from fhir_server.interactions.bundle_entries import BundleEntry, parse_bundle
from fhir_server.interactions.capabilities import capability_statement
from fhir_server.interactions.conditions import Precondition
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.read import read
from fhir_server.interactions.search_type import SearchAnswer, search_type
from fhir_server.interactions.transaction import EntryResult, transaction
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread

fhir = Blueprint("fhir", __name__, url_prefix="/fhir")


class NotOffered(NotFound):
    """FHIR has the interaction, this server does not (404)."""

    code = "not-supported"


signed_in = open_to(Audience.CLIENT, Audience.USER)
_HISTORY_MAX = 1000
_LAYOUT = frozenset({"_format", "_pretty"})
_NOT_SEARCHED = _LAYOUT | {"_page", "_totalMethod"}  # the last is how fhirpy counts; it filters nothing
_HISTORY_PARAMETERS = _LAYOUT | {"_page", "_count", "_since"}


@fhir.before_request
def _negotiate() -> None:
    require_json_accepted(request)


def _begin(interaction: str) -> Exchange:
    exchange = current_exchange()
    exchange.interaction = interaction
    exchange.query = request.environ["QUERY_STRING"]
    return exchange


@fhir.get("/metadata")
@open_to(Audience.ANYONE)
def capabilities_view() -> Response:
    """capabilities: what this server does, for anyone to read, also from another origin's page."""
    exchange = current_exchange()
    response = body_response(capability_statement(exchange.record.settings, exchange.base_url))
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@fhir.get("/<resource_type>/<resource_id>")
@signed_in
def read_view(resource_type: str, resource_id: str) -> Response:
    """read (GET, HEAD), conditional on `If-None-Match` and `If-Modified-Since`."""
    if resource_id[0] in "_$":
        raise NotOffered("Of a type, only create and search are offered.")
    found = read(_begin("read"), resource_type, resource_id)
    asked = request.environ
    if ("HTTP_IF_NONE_MATCH" in asked or "HTTP_IF_MODIFIED_SINCE" in asked) and is_unchanged(request, found):
        return not_modified_response(found)
    return version_response(found)


@fhir.get("/<resource_type>/<resource_id>/_history/<version_id>")
@signed_in
def vread_view(resource_type: str, resource_id: str, version_id: str) -> Response:
    """vread."""
    return version_response(vread(_begin("vread"), resource_type, resource_id, version_id))


@fhir.get("/<resource_type>/<resource_id>/_history")
@signed_in
def history_instance_view(resource_type: str, resource_id: str) -> Response:
    """history of an instance, with `_count`, `_since` and pages."""
    exchange = _begin("history-instance")
    _require_history_parameters()
    below = request.args.get("_page")
    page = history_instance(
        exchange,
        resource_type,
        resource_id,
        count=_count(),
        since=_since(),
        below_version=None if below is None else int(below),
    )
    address = f"{exchange.base_url}/{resource_type}/{resource_id}/_history"
    links = [("self", _with_query(address, [p for p in _query_pairs() if p[0] != "_format"]))]
    if page.next_below is not None:
        pairs = [p for p in _query_pairs() if p[0] != "_page"] + [("_page", str(page.next_below))]
        links.append(("next", _with_query(address, pairs)))
    whole = page.next_below is None and below is None and "_since" not in request.args
    total = len(page.versions) if whole else None
    return body_response(make_history(page.versions, base_url=exchange.base_url, links=links, total=total))


@fhir.post("/<resource_type>")
@signed_in
def create_view(resource_type: str) -> Response:
    """create, conditional with `If-None-Exist`."""
    _require_no_criteria()
    if resource_type[0] in "_$":
        raise NotOffered("Of the whole record, only batch, transaction and metadata are offered.")
    exchange, prefer = _begin("create"), parse_prefer(request.headers.get("Prefer"))
    document = parse_document(require_json_body(request))
    written = create(exchange, resource_type, document, request.headers.get("If-None-Exist"))
    return written_response(exchange, written.version, written.status, prefer)


@fhir.put("/<resource_type>/<resource_id>")
@signed_in
def update_view(resource_type: str, resource_id: str) -> Response:
    """update, with `If-Match`; creates under the client's id."""
    _require_no_criteria()
    exchange, prefer = _begin("update"), parse_prefer(request.headers.get("Prefer"))
    document = parse_document(require_json_body(request))
    written = update(exchange, resource_type, resource_id, document, _precondition())
    return written_response(exchange, written.version, written.status, prefer)


@fhir.delete("/<resource_type>/<resource_id>")
@signed_in
def delete_view(resource_type: str, resource_id: str) -> Response:
    """delete, with `If-Match`."""
    deleted = delete(_begin("delete"), resource_type, resource_id, _precondition())
    response = Response(status=204)
    response.headers.pop("Content-Type", None)
    if deleted is not None:
        response.headers["ETag"] = f'W/"{deleted.version_id}"'
    return response


@fhir.get("/<resource_type>")
@signed_in
def search_type_view(resource_type: str) -> Response:
    """search within a type, parameters in the address."""
    if resource_type[0] in "_$":
        raise NotOffered("Of the whole record, only batch, transaction and metadata are offered.")
    return _search(resource_type, _query_pairs())


@fhir.post("/<resource_type>/_search")
@signed_in
def search_type_post_view(resource_type: str) -> Response:
    """search within a type, parameters in a form: nothing about a patient in the address."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send application/x-www-form-urlencoded.", "http.Content-Type")
    return _search(resource_type, [*_query_pairs(), *_pairs(read_body(request))])


@fhir.post("/")
@fhir.post("", strict_slashes=False)
@signed_in
def bundle_view() -> Response:
    """batch and transaction."""
    exchange, prefer = _begin("batch"), parse_prefer(request.headers.get("Prefer"))
    body = require_json_body(request)
    kind, entries = parse_bundle(body, exchange.base_url, exchange.record.settings.bundle_entries_max)
    options = EntryOptions(
        prefer.returns == "representation", lambda e, t, a: search_links(e, str(t), a), prefer.lenient
    )
    if kind == "batch":
        return body_response(make_response_bundle("batch-response", batch(exchange, entries, options)))
    exchange.interaction = "transaction"
    results = transaction(exchange, entries)
    answers = [_transaction_answer(exchange, entry, results, options) for entry in entries]
    return body_response(make_response_bundle("transaction-response", answers))


def _transaction_answer(
    exchange: Exchange, entry: BundleEntry, results: dict[int, EntryResult], options: EntryOptions
) -> bytes:
    result = results.get(entry.position)
    if result is None:
        return answer_entry(exchange, entry, options)
    return make_response_entry(
        STATUS_TEXTS[result.status],
        result.version,
        base_url=exchange.base_url,
        with_resource=options.with_resource,
    )


def _search(resource_type: str, pairs: list[tuple[str, str]]) -> Response:
    exchange, prefer = _begin("search-type"), parse_prefer(request.headers.get("Prefer"))
    exchange.query = urlencode(pairs)
    tokens = [value for name, value in pairs if name == "_page"]
    parameters = [p for p in pairs if p[0] not in _NOT_SEARCHED]
    answer = search_type(
        exchange, resource_type, parameters, lenient=prefer.lenient, page_token=tokens[-1] if tokens else None
    )
    page = answer.page
    links = search_links(exchange, resource_type, answer, tokens[-1] if tokens else None)
    body = make_searchset(
        page.matches,
        page.included,
        page.warnings,
        base_url=exchange.base_url,
        links=links,
        total=page.total,
    )
    return body_response(body)


def search_links(
    exchange: Exchange, resource_type: str, answer: SearchAnswer, token: str | None = None
) -> list[tuple[str, str]]:
    """`self`, printed from what was executed, and `next`."""
    address = f"{exchange.base_url}/{resource_type}"
    executed = list(answer.executed)
    here = [*executed, ("_page", token)] if token else executed
    links = [("self", _with_query(address, here))]
    if answer.page.next_token is not None:
        links.append(("next", _with_query(address, [*executed, ("_page", answer.page.next_token)])))
    return links


def _with_query(address: str, pairs: list[tuple[str, str]]) -> str:
    return f"{address}?{urlencode(pairs, safe=':/|,$')}" if pairs else address


def _query_pairs() -> list[tuple[str, str]]:
    return _pairs(request.query_string)


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest("The query is not percent-encoded UTF-8.") from error


def _precondition() -> Precondition:
    return Precondition(request.headers.get("If-Match"), request.headers.get("If-None-Match"))


def _require_no_criteria() -> None:
    """A condition in the address, as some servers take it, must not be ignored: the caller would make twins."""
    for name in request.args if request.query_string else ():
        if name not in _LAYOUT:
            raise UnsupportedParameter("A create takes its condition in If-None-Exist.", f"http.{name}")


def _require_history_parameters() -> None:
    """Strict, as searches are: a filter that is not understood must not be ignored."""
    for name in request.args:
        if name not in _HISTORY_PARAMETERS:
            raise UnsupportedParameter("A history takes _count and _since.", f"http.{name}")
    below = request.args.get("_page", "1")
    if not (below.isascii() and below.isdecimal() and len(below) < 10):
        raise BadRequest("The page link is damaged.", "http._page")


def _count() -> int:
    text = request.args.get("_count", "50")
    if not (text.isascii() and text.isdecimal()):
        raise BadRequest("_count is a number.", "http._count")
    return max(1, min(int(text[:6]), _HISTORY_MAX))


def _since() -> int | None:
    text = request.args.get("_since")
    if text is None:
        return None
    try:
        return parse_instant(text.replace(" ", "+"))
    except ValueError as error:
        raise BadRequest("_since is an instant such as 2026-11-21T09:00:00Z.", "http._since") from error
