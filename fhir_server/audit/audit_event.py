"""A disclosure as FHIR AuditEvents: one for each patient it touched, or one without (IHE BALP, PatientQuery).

https://hl7.org/fhir/R4/auditevent.html and https://profiles.ihe.net/ITI/BALP/. Events are rendered when they are read
and never stored. An event's id is `<writer>-<position>-<index>` of its disclosure, the index being the patient's place
among the disclosure's patients in order of id, so it is always the same and tells nothing of the patient.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_server.audit.disclosure import OUTCOME_SUCCESS, DisclosedVersion, Disclosure
from fhir_server.audit.interaction_codes import DCM, SEARCHES, profile_url, subtype_codings, type_coding
from fhir_server.fhir.instants import format_instant

_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_RESOURCE_TYPE = "http://hl7.org/fhir/resource-types"
_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
_ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
_RECORD = "imaging-record"

_SYSTEM_OBJECT = {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"}
_SOURCE_ROLE = {"system": DCM, "code": "110153", "display": "Source Role ID"}
_DESTINATION_ROLE = {"system": DCM, "code": "110152", "display": "Destination Role ID"}
_APPLICATION = {"system": DCM, "code": "110150", "display": "Application"}
_CUSTODIAN = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "custodian",
    "display": "Custodian",
}
_RECIPIENT = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    "code": "IRCP",
    "display": "information recipient",
}
_PROVIDER = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": "PROV"}


@dataclass(frozen=True)
class RenderedEvent:
    """One AuditEvent: its id, the disclosure's time (microseconds UTC), its patient if any, and its JSON."""

    resource_id: str
    recorded_us: int
    patient_id: str | None
    entries: tuple[DisclosedVersion, ...]
    body: bytes


def render_audit_events(writer_number: int, position: int, disclosure: Disclosure) -> list[RenderedEvent]:
    """All events of one disclosure, in the order of their index."""
    patients: list[str | None] = [*sorted({p for entry in disclosure.entries for p in entry.patient_ids})]
    return [
        _render(f"{writer_number}-{position}-{index}", disclosure, patient, _entries_of(disclosure, patient, index))
        for index, patient in enumerate(patients or [None])
    ]


def _entries_of(disclosure: Disclosure, patient: str | None, index: int) -> tuple[DisclosedVersion, ...]:
    """What the patient's event names: the versions about the patient; the first event also what is about nobody."""
    return tuple(
        entry for entry in disclosure.entries if patient in entry.patient_ids or (index == 0 and not entry.patient_ids)
    )


def _render(
    resource_id: str, disclosure: Disclosure, patient: str | None, entries: tuple[DisclosedVersion, ...]
) -> RenderedEvent:
    recorded = format_instant(disclosure.recorded_us)
    profile = _profile(disclosure, patient, entries)
    reason = {"coding": [{"system": _ACT_REASON, "code": disclosure.purpose}]}
    content = {
        "resourceType": "AuditEvent",
        "id": resource_id,
        "meta": {"versionId": "1", "lastUpdated": recorded} | ({"profile": [profile]} if profile else {}),
        "type": type_coding(disclosure.interaction),
        "subtype": subtype_codings(disclosure.interaction),
        "action": disclosure.action,
        "recorded": recorded,
        "outcome": disclosure.outcome,
        "purposeOfEvent": [reason],
        "agent": _agents(disclosure, reason),
        "source": {
            "observer": {"display": _RECORD},
            "type": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
                    "code": "4",
                    "display": "Application Server",
                }
            ],
        },
        "entity": _entities(disclosure, patient, entries, single=profile is not None),
    }
    body = msgspec.json.encode({name: value for name, value in content.items() if value != []})
    return RenderedEvent(resource_id, disclosure.recorded_us, patient, entries, body)


def _profile(disclosure: Disclosure, patient: str | None, entries: tuple[DisclosedVersion, ...]) -> str | None:
    """The BALP profile of a success; all but Query's speak of exactly one resource."""
    if disclosure.outcome != OUTCOME_SUCCESS:
        return None
    if disclosure.interaction not in SEARCHES and len(entries) != 1:
        return None
    return profile_url(disclosure.interaction, disclosure.action, has_patient=patient is not None)


def _agents(disclosure: Disclosure, reason: dict[str, Any]) -> list[dict[str, Any]]:
    is_user = disclosure.caller_kind == "user"
    client_role, server_role = _roles(disclosure)
    agents: list[dict[str, Any]] = [
        {
            "type": {"coding": [client_role]},
            "who": {"display": "The user's browser or app"} if is_user else _who(disclosure),
            "requestor": not is_user,
            "network": {"address": disclosure.address, "type": "2"} if disclosure.address else {"extension": [_ABSENT]},
        },
        {
            "type": {"coding": [server_role]},
            "who": {"display": _RECORD},
            "requestor": False,
            "network": {"address": _RECORD, "type": "1"},
        },
    ]
    if is_user:
        agents.append(_user(disclosure, reason))
    if disclosure.trust:
        who = {"type": "Organization", "identifier": {"system": _ODS_CODE, "value": disclosure.trust}}
        agents.append({"type": {"coding": [_PROVIDER]}, "who": who, "requestor": False})
    return agents


def _roles(disclosure: Disclosure) -> tuple[dict[str, str], dict[str, str]]:
    """The roles of client and server: who sends what is read, the query or the new content."""
    if disclosure.action == "D":
        return _APPLICATION, _CUSTODIAN
    return (_DESTINATION_ROLE, _SOURCE_ROLE) if disclosure.action == "R" else (_SOURCE_ROLE, _DESTINATION_ROLE)


def _who(disclosure: Disclosure) -> dict[str, Any]:
    return {"identifier": {"value": disclosure.caller_id}, "display": disclosure.caller_name}


def _user(disclosure: Disclosure, reason: dict[str, Any]) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "type": {"coding": [_RECIPIENT]},
        "who": _who(disclosure),
        "name": disclosure.caller_name,
        "requestor": True,
        "purposeOfUse": [reason],
    }
    if disclosure.role:
        agent["role"] = [{"text": disclosure.role}]
    if disclosure.session:
        agent["altId"] = disclosure.session
    return agent


def _entities(
    disclosure: Disclosure, patient: str | None, entries: tuple[DisclosedVersion, ...], *, single: bool
) -> list[dict[str, Any]]:
    """The request, the patient, and what was disclosed.

    BALP wants one entity of the type System Object: the query of a search, or else the resource; what a search found
    is named by resource type instead.
    """
    is_search = disclosure.interaction in SEARCHES
    entities: list[dict[str, Any]] = []
    if is_search or (disclosure.query and not single):
        query = base64.b64encode(disclosure.query.encode()).decode()
        entities.append({"type": _SYSTEM_OBJECT, "role": _role("24", "Query")} | ({"query": query} if query else {}))
    if patient is not None:
        entities.append(
            {
                "what": {"reference": f"Patient/{patient}"},
                "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
                "role": _role("1", "Patient"),
            }
        )
    entities += [_entity(entry, is_data=single and not is_search) for entry in entries]
    if disclosure.request_id:
        entities.append(_transaction(disclosure.request_id))
    return entities


def _entity(entry: DisclosedVersion, *, is_data: bool) -> dict[str, Any]:
    return {
        "what": {"reference": f"{entry.resource_type}/{entry.resource_id}/_history/{entry.version_id}"},
        "type": _SYSTEM_OBJECT if is_data else {"system": _RESOURCE_TYPE, "code": entry.resource_type},
        "role": _role("4", "Domain Resource"),
    }


def _transaction(request_id: str) -> dict[str, Any]:
    system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
    return {"what": {"identifier": {"value": request_id}}, "type": {"system": system, "code": "XrequestId"}}


def _role(code: str, display: str) -> dict[str, str]:
    return {"system": _ENTITY_ROLE, "code": code, "display": display}
