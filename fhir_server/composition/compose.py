"""From the contributions of one thing to its resource's content: a pure function, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fhir_server.composition.diagnostic_report import compose_diagnostic_report
from fhir_server.composition.encounter import compose_encounter
from fhir_server.composition.imaging_study import compose_imaging_study
from fhir_server.composition.layers import in_force, overlay
from fhir_server.composition.organization import compose_organization
from fhir_server.composition.practitioner import compose_practitioner
from fhir_server.composition.service_request import compose_service_request
from fhir_server.composition.task import compose_task
from fhir_server.storage.contribution_rows import KEY_PREFIX, NOBODY, Contribution

Composer = Callable[[Sequence[Contribution]], dict[str, Any]]

COMPOSERS: dict[str, Composer] = {
    "DiagnosticReport": compose_diagnostic_report,
    "Encounter": compose_encounter,
    "ImagingStudy": compose_imaging_study,
    "Organization": compose_organization,
    "Practitioner": compose_practitioner,
    "ServiceRequest": compose_service_request,
    "Task": compose_task,
}
#: Where each type names its patient; a thing that was only mentioned needs it too.
_SUBJECT_ELEMENT = {
    "DiagnosticReport": "subject",
    "Encounter": "subject",
    "ImagingStudy": "subject",
    "Observation": "subject",
    "ServiceRequest": "subject",
    "Task": "for",
}


def compose(resource_type: str, contributions: Sequence[Contribution]) -> dict[str, Any] | None:
    """The content, references still as keys; None when nothing is in force. Patients: `patient.compose_patient`."""
    layers = in_force(contributions)
    if not layers:
        return None
    content = COMPOSERS.get(resource_type, _plain)(layers)
    element = _SUBJECT_ELEMENT.get(resource_type)
    subject = next((c.subject for c in reversed(layers) if c.subject != NOBODY), None)
    if element and element not in content and subject:
        content[element] = {"reference": f"{KEY_PREFIX}Patient:{subject.system}|{subject.value}"}
    return {"resourceType": resource_type} | {k: v for k, v in content.items() if k != "resourceType"}


def _plain(layers: Sequence[Contribution]) -> dict[str, Any]:
    return overlay(layers, union=("identifier",))


def owner_of(contributions: Sequence[Contribution]) -> str:
    """The ODS code of the trust whose word counts most: the custodian before succession is looked at."""
    layers = in_force(contributions)
    return next((c.custodian for c in reversed(layers) if c.custodian), "")
