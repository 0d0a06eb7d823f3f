"""update, also as create under the client's id (https://hl7.org/fhir/R4/http.html#update)."""

from __future__ import annotations

from fhir_server.errors import BadRequest, Conflict, Forbidden
from fhir_server.fhir.documents import Document
from fhir_server.interactions.audit_events import refuse_change
from fhir_server.interactions.conditions import ALWAYS, Precondition, require_version
from fhir_server.interactions.create import (
    Written,
    custodian_of,
    found_version,
    require_may_write,
    require_scope,
    require_type_matches,
)
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import ANOTHER_PATIENT, absent
from fhir_server.interactions.references import settle_references
from fhir_server.interactions.write import require_valid, store_resource
from fhir_server.storage.database import Connection
from fhir_server.storage.resources import is_visible
from fhir_server.storage.unit_of_work import CurrentResource, UnitOfWork


def update(
    exchange: Exchange, resource_type: str, resource_id: str, document: Document, condition: Precondition = ALWAYS
) -> Written:
    """Store the next version (200), or the first under this id (201).

    Errors: 400 (id in body and address differ), 403, 404, 409 (a feed owns the resource), 412 (the condition), 422.
    """
    require_scope(exchange, resource_type, "u")
    require_type_matches(document, resource_type)
    require_same_id(document, resource_id)
    require_valid(document, resource_type, exchange.record.settings.validation_level)
    document = settle_references(document, exchange.base_url)
    record = exchange.record

    def work(connection: Connection) -> Written:
        uow = record.storage.unit_of_work(connection)
        written = update_in_tx(exchange, uow, resource_id, document, condition)
        exchange.account_in_tx(uow.connection, [written.version], "C" if written.status == 201 else "U")
        return written

    return record.database.write(work)


def update_in_tx(
    exchange: Exchange, uow: UnitOfWork, resource_id: str, document: Document, condition: Precondition
) -> Written:
    """Update within a transaction; the document is valid."""
    require_may_write(exchange, document, "u")
    refuse_change(document.resource_type, resource_id)
    current = uow.find_current(document.resource_type, resource_id, lock=True)
    if current is not None:
        require_may_touch(exchange, uow, current)
    require_version(current, condition)
    if current is None:
        stored = store_resource(
            uow, document, resource_id=resource_id, method="PUT", custodian=custodian_of(exchange), validate=False
        )
    else:
        stored = store_resource(
            uow, document, method="PUT", custodian=current.custodian or custodian_of(exchange), current=current,
            validate=False,
        )  # fmt: skip
    assert stored is not None, "only composed content can be unchanged"
    return Written(found_version(stored), 201 if current is None or current.deleted else 200)


def require_same_id(document: Document, resource_id: str) -> None:
    """Raise BadRequest (400) unless the body's id is the address's."""
    if document.resource_id != resource_id:
        text = "The body has no id." if document.resource_id is None else "The body's id is not the address's."
        raise BadRequest(text, f"{document.resource_type}.id")


def require_may_touch(exchange: Exchange, uow: UnitOfWork, current: CurrentResource) -> None:
    """Raise NotFound (404) for a row the caller may not read, Forbidden (403) for one that is not about the patient its
    token is bound to, Conflict (409) for one that feeds own."""
    caller = exchange.caller
    if not is_visible(uow.connection, current.resource_key, exchange.read_rule):
        raise absent(caller, current.resource_type, current.resource_id)
    if caller.patient_id not in (None, current.patient_id):
        raise Forbidden(ANOTHER_PATIENT)
    if current.composed and not exchange.is_service:
        raise Conflict(
            f"This {current.resource_type} is composed from what the feeds of {current.custodian or 'the region'} say; "
            "correct it at its source."
        )
