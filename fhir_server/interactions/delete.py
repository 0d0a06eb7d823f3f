"""delete (https://hl7.org/fhir/R4/http.html#delete): the history stays, the current version is gone."""

from __future__ import annotations

from fhir_server.interactions.audit_events import refuse_change
from fhir_server.interactions.conditions import ALWAYS, Precondition, require_version
from fhir_server.interactions.create import found_version, require_scope
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.update import require_may_touch
from fhir_server.interactions.write import delete_resource
from fhir_server.storage.database import Connection
from fhir_server.storage.resources import FoundVersion, is_visible
from fhir_server.storage.unit_of_work import UnitOfWork


def delete(
    exchange: Exchange, resource_type: str, resource_id: str, condition: Precondition = ALWAYS
) -> FoundVersion | None:
    """Delete; None when there was nothing to delete. Errors: 403, 404 (type), 409 (a feed owns it), 412 (condition)."""
    require_scope(exchange, resource_type, "d")
    record = exchange.record

    def work(connection: Connection) -> FoundVersion | None:
        uow = record.storage.unit_of_work(connection)
        deleted = delete_in_tx(exchange, uow, resource_type, resource_id, condition)
        exchange.account_in_tx(uow.connection, [deleted] if deleted else [], "D")
        return deleted

    return record.database.write(work)


def delete_in_tx(
    exchange: Exchange, uow: UnitOfWork, resource_type: str, resource_id: str, condition: Precondition
) -> FoundVersion | None:
    """Delete within a transaction. What the caller may not see is, to it, not there."""
    require_scope(exchange, resource_type, "d")
    refuse_change(resource_type, resource_id)
    current = uow.find_current(resource_type, resource_id, lock=True)
    if current is not None and not is_visible(uow.connection, current.resource_key, exchange.read_rule):
        current = None
    require_version(current, condition)
    if current is None or current.deleted:
        return None
    require_may_touch(exchange, uow, current)
    return found_version(delete_resource(uow, current))
