"""The page docs/reference/search-parameters.md: what can be searched on the types of the imaging record."""

from __future__ import annotations

from conformance.definitions import definitions
from fhir_server.search.parameters import searchable_codes

#: The types that feeds and archives fill, and those that EPRs of the region write most; metadata lists all of them.
_SHOWN = (
    "Patient Encounter ServiceRequest Appointment ImagingStudy DiagnosticReport Observation Task Practitioner "
    "PractitionerRole Organization Endpoint Provenance DocumentReference Consent Flag"
).split()
_ORDER = ("token", "reference", "string", "date", "uri")

_HEAD = """\
# Search parameters

The parameters of the types that an imaging record is mostly asked for, by type of parameter. They are FHIR R4's own
(https://hl7.org/fhir/R4/searchparameter-registry.html); the other R4 types are searched in the same way, and
`GET /fhir/metadata` lists what each can be searched by. Every type can also be searched by `_id`, `_lastUpdated`,
`_tag`, `_security`, `_profile` and `_source`. AuditEvent is [a page of its own](audit-event.md).

This page is written by `imaging-record reference`.

| type | parameters |
|---|---|"""


def parameters_page() -> str:
    """One row for each type shown."""
    return "\n".join([_HEAD, *[f"| {name} | {_parameters(name)} |" for name in _SHOWN], ""])


def _parameters(resource_type: str) -> str:
    known = definitions().search_parameters(resource_type)
    codes = [code for code in searchable_codes(resource_type) if not code.startswith("_")]
    groups = {kind: [f"`{code}`" for code in codes if known[code].type == kind] for kind in _ORDER}
    return "<br>".join(f"{kind}: {', '.join(found)}" for kind, found in groups.items() if found)
