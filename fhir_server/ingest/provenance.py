"""Provenance of a message: which versions it made, who sent it, and where its bytes are kept.

https://hl7.org/fhir/R4/provenance.html; after the v2-to-FHIR guide's source Provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fhir_server.fhir.documents import make_document
from fhir_server.fhir.instants import format_instant, instant_of
from fhir_server.interactions.write import store_resource
from fhir_server.storage import business_keys
from fhir_server.storage.contribution_rows import Name
from fhir_server.storage.unit_of_work import StoredVersion, UnitOfWork
from terminology.systems import ODS_ORGANIZATION_CODE, PROVENANCE_PARTICIPANT_TYPE, RFC_3986_URI

_V2_EVENT = "http://terminology.hl7.org/CodeSystem/v2-0003"


def store_provenance(
    uow: UnitOfWork,
    versions: Sequence[StoredVersion],
    *,
    message_id: str,
    message_type: str,
    message_time: datetime,
    custodian: str,
    profile: str,
) -> None:
    """One Provenance for all versions that a message made; none when it made none."""
    if not versions:
        return
    author = {"type": _participant("author"), "who": _organization(uow, custodian)}
    assembler = {"type": _participant("assembler"), "who": {"display": f"HL7 v2 intake, profile {profile}"}}
    content: dict[str, Any] = {
        "resourceType": "Provenance",
        "target": [{"reference": f"{v.resource_type}/{v.resource_id}/_history/{v.version_id}"} for v in versions],
        "occurredDateTime": format_instant(instant_of(message_time)),
        "recorded": format_instant(uow.now),
        "activity": _activity(message_type),
        "agent": [author, assembler],
        "entity": [
            {
                "role": "source",
                "what": {
                    "identifier": {"system": RFC_3986_URI, "value": f"urn:uuid:{message_id}"},
                    "display": f"HL7 v2 message {message_type}",
                },
            }
        ],
    }
    store_resource(uow, make_document(content), method="POST", custodian=custodian, validate=False)


def _activity(message_type: str) -> dict[str, Any]:
    trigger = message_type.partition("^")[2]
    activity: dict[str, Any] = {"text": message_type}
    if trigger:
        activity["coding"] = [{"system": _V2_EVENT, "code": trigger}]
    return activity


def _participant(code: str) -> dict[str, Any]:
    return {"coding": [{"system": PROVENANCE_PARTICIPANT_TYPE, "code": code}]}


def _organization(uow: UnitOfWork, ods: str) -> dict[str, Any]:
    identifier = {"system": ODS_ORGANIZATION_CODE, "value": ods}
    found = business_keys.find_id(uow.connection, "Organization", Name(ODS_ORGANIZATION_CODE, ods))
    return {"identifier": identifier} | ({"reference": f"Organization/{found}"} if found else {})
