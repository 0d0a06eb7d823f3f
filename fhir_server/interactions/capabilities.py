"""capabilities: the CapabilityStatement, made from what is routed and searched (https://hl7.org/fhir/R4/capabilitystatement.html)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from conformance.definitions import definitions
from fhir_server.fhir.documents import encode
from fhir_server.search.parameters import searchable_codes
from fhir_server.settings import Settings

_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
VERSION = "0.1.0"


def capability_statement(settings: Settings, base_url: str) -> bytes:
    """The statement as JSON bytes. `base_url` is the FHIR base without a trailing slash."""
    return _statement(settings.region_name, base_url)


@lru_cache(maxsize=8)
def _statement(region_name: str, base_url: str) -> bytes:
    return encode(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-21",
            "kind": "instance",
            "software": {"name": "imaging-record", "version": VERSION},
            "implementation": {"description": region_name, "url": base_url},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": _security(base_url),
                    "resource": [_resource(name) for name in definitions().resource_types],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    )


def _security(base_url: str) -> dict[str, Any]:
    token = base_url.removesuffix("/fhir") + "/auth/token"
    return {
        "cors": False,  # only of this statement and of discovery
        "service": [{"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        # Deprecated, and still the only place where some clients look for the token endpoint.
        "extension": [{"url": _OAUTH_URIS, "extension": [{"url": "token", "valueUri": token}]}],
    }


def _resource(resource_type: str) -> dict[str, Any]:
    known = definitions().search_parameters(resource_type)
    parameters = [
        {"name": code, "type": known[code].type, "definition": known[code].url}
        for code in searchable_codes(resource_type)
    ]
    references = [f"{resource_type}:{p['name']}" for p in parameters if p["type"] == "reference"]
    described: dict[str, Any] = {
        "type": resource_type,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": references,
        "searchParam": parameters,
    }
    return {name: value for name, value in described.items() if value != []}
