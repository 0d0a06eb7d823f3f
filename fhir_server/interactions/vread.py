"""vread: one version of a resource (https://hl7.org/fhir/R4/http.html#vread)."""

from __future__ import annotations

from fhir_server.errors import Gone
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import absent
from fhir_server.interactions.write import require_known_type
from fhir_server.storage.resources import FoundVersion


def vread(exchange: Exchange, resource_type: str, resource_id: str, version_id: str) -> FoundVersion:
    """Return that version. Errors as `read`; Gone (410) when the version is the deletion."""
    exchange.asked = f"{resource_type}/{resource_id}/_history/{version_id}"
    require_known_type(resource_type)
    exchange.read_rule.require_type(resource_type)
    number = int(version_id) if version_id.isdecimal() and len(version_id) < 10 else 0
    found = exchange.record.resources.find_version(resource_type, resource_id, number, exchange.read_rule)
    if found is None:
        raise absent(exchange.caller, resource_type, resource_id)
    if found.body is None:
        raise Gone(f"In this version the {resource_type} was deleted.")
    exchange.disclose((found,))
    return found
