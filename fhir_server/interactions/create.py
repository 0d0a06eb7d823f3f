"""create, also conditional (https://hl7.org/fhir/R4/http.html#create, #ccreate)."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.errors import BadRequest, Forbidden
from fhir_server.fhir.documents import Document
from fhir_server.interactions.conditions import find_match, lock_name, parse_criteria
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import ANOTHER_PATIENT
from fhir_server.interactions.references import settle_references
from fhir_server.interactions.write import require_known_type, require_valid, store_resource
from fhir_server.search.extract import patient_ids
from fhir_server.storage.database import Connection
from fhir_server.storage.resources import FoundVersion
from fhir_server.storage.unit_of_work import StoredVersion, UnitOfWork


@dataclass(frozen=True)
class Written:
    """What a write came to: the version now current, and the HTTP status of the interaction."""

    version: FoundVersion
    status: int


def found_version(stored: StoredVersion) -> FoundVersion:
    return FoundVersion(
        stored.resource_type, stored.resource_id, stored.version_id, stored.last_updated, stored.method,
        stored.patient_ids, stored.custodian, stored.body,
    )  # fmt: skip


def require_may_write(exchange: Exchange, document: Document, permission: str) -> None:
    """Raise Forbidden (403) when scopes do not cover the type, or the content is about a patient outside the token."""
    resource_type = document.resource_type
    require_scope(exchange, resource_type, permission)
    bound_to = exchange.caller.patient_id
    if bound_to is not None and set(patient_ids(resource_type, document.content)) != {bound_to}:
        raise Forbidden(ANOTHER_PATIENT)


def require_scope(exchange: Exchange, resource_type: str, permission: str) -> None:
    """Raise NotFound (404) for no type of R4, Forbidden (403) when the caller's scopes do not cover it."""
    require_known_type(resource_type)
    if not exchange.caller.allows(resource_type, permission):
        raise Forbidden(f"The caller's scopes do not cover {resource_type}.{permission}.")


def custodian_of(exchange: Exchange) -> str:
    """The controller of what this caller creates: its trust, else the region's host."""
    return exchange.caller.trust or exchange.record.settings.host_ods_code


def require_type_matches(document: Document, resource_type: str) -> None:
    if document.resource_type != resource_type:
        raise BadRequest(f"The body is a {document.resource_type}, the address is {resource_type}.", "resourceType")


def create(exchange: Exchange, resource_type: str, document: Document, if_none_exist: str | None = None) -> Written:
    """Create the resource under an id of ours; with `if_none_exist` only when nothing matches (else 200).

    Errors: 400, 403, 404 for the type, 412 for several matches, 422.
    """
    require_scope(exchange, resource_type, "c")
    require_type_matches(document, resource_type)
    require_valid(document, resource_type, exchange.record.settings.validation_level)
    document = settle_references(document, exchange.base_url)
    record = exchange.record

    def work(connection: Connection) -> Written:
        uow = record.storage.unit_of_work(connection)
        criteria = parse_criteria(if_none_exist) if if_none_exist is not None else None
        if criteria is not None:
            uow.lock(lock_name(resource_type, criteria))
        written = create_in_tx(exchange, uow, document, criteria)
        exchange.account_in_tx(uow.connection, [written.version], "C" if written.status == 201 else "R")
        return written

    return record.database.write(work)


def create_in_tx(
    exchange: Exchange, uow: UnitOfWork, document: Document, criteria: list[tuple[str, str]] | None,
    resource_id: str | None = None,
) -> Written:  # fmt: skip
    """Create within a transaction whose locks are taken and whose document is valid."""
    require_may_write(exchange, document, "c")
    if criteria is not None:
        match = find_match(exchange, uow, document.resource_type, criteria)
        if match is not None:
            return Written(
                FoundVersion(
                    match.resource_type, match.resource_id, match.version_id, match.last_updated, "",
                    match.patient_ids, match.custodian, match.body,
                ),
                200,
            )  # fmt: skip
    stored = store_resource(uow, document, resource_id=resource_id, custodian=custodian_of(exchange), validate=False)
    assert stored is not None, "only composed content can be unchanged"
    return Written(found_version(stored), 201)
