"""read: the current version of a resource (https://hl7.org/fhir/R4/http.html#read)."""

from __future__ import annotations

from fhir_server.errors import Gone
from fhir_server.interactions.audit_events import is_trail_event, read_trail_event
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import absent
from fhir_server.interactions.write import require_known_type
from fhir_server.storage.resources import FoundVersion


def read(exchange: Exchange, resource_type: str, resource_id: str) -> FoundVersion:
    """Return the current version. NotFound (404) when there is none that the caller may read, Gone (410) when it was
    deleted, Forbidden (403) when the caller's scopes do not cover the type."""
    exchange.asked = f"{resource_type}/{resource_id}"
    require_known_type(resource_type)
    exchange.read_rule.require_type(resource_type)
    if is_trail_event(resource_type, resource_id):
        found: FoundVersion | None = read_trail_event(exchange, resource_id)
    else:
        found = exchange.record.resources.find(resource_type, resource_id, exchange.read_rule)
    if found is None:
        raise absent(exchange.caller, resource_type, resource_id)
    if found.body is None:
        raise Gone(f"This {resource_type} has been deleted; its versions are in its history.")
    exchange.disclose((found,))
    return found
