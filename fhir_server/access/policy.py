"""The policy: which R4 types carry patient data, which are shared, and what each portal role may do.

A type that is in none of the classes is denied (design decision 9): a new type cannot be readable by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from conformance.definitions import definitions


class TypeClass(StrEnum):
    """How rows of a type are protected."""

    CLINICAL = "clinical"  # about patients, one custodian trust
    SHARED = "shared"  # about people and places, shared by the region
    CONFORMANCE = "conformance"  # definitions and terminology
    SECURITY = "security"  # AuditEvent, Provenance, Consent: information governance


_SHARED = frozenset(
    "Patient Person Practitioner PractitionerRole RelatedPerson Organization OrganizationAffiliation Location "
    "HealthcareService Endpoint Device DeviceDefinition Schedule Slot InsurancePlan Group Basic Binary Bundle "
    "Parameters Linkage Subscription Library Medication MedicationKnowledge Substance".split()
)
#: Shared types whose rows are about no person: a caller bound to one patient may read those that name no patient.
_IMPERSONAL = frozenset(
    "Practitioner PractitionerRole Organization OrganizationAffiliation Location HealthcareService Endpoint Device "
    "DeviceDefinition Schedule Slot InsurancePlan Library Medication MedicationKnowledge Substance".split()
)
_SECURITY = frozenset("AuditEvent Provenance Consent Contract".split())
_CONFORMANCE = frozenset(
    "CapabilityStatement CodeSystem CompartmentDefinition ConceptMap ExampleScenario GraphDefinition "
    "ImplementationGuide MessageDefinition NamingSystem OperationDefinition SearchParameter StructureDefinition "
    "StructureMap TerminologyCapabilities TestReport TestScript ValueSet ActivityDefinition EventDefinition Measure "
    "ObservationDefinition PlanDefinition Questionnaire ResearchDefinition ResearchElementDefinition "
    "ResearchStudy SpecimenDefinition ChargeItemDefinition OperationOutcome".split()
)


@cache
def type_class(resource_type: str) -> TypeClass | None:
    """The class of a type; None for what is not an R4 resource type (and so denied)."""
    if resource_type in _SHARED:
        return TypeClass.SHARED
    if resource_type in _SECURITY:
        return TypeClass.SECURITY
    if resource_type in _CONFORMANCE:
        return TypeClass.CONFORMANCE
    return TypeClass.CLINICAL if resource_type in definitions().resource_types else None


@cache
def impersonal_types() -> frozenset[str]:
    """The types that are not about people: definitions, places, and those who work there."""
    return _IMPERSONAL | _CONFORMANCE


@dataclass(frozen=True)
class Role:
    """A portal role: the scopes its holders act with, and the pages it opens."""

    name: str
    title: str
    scopes: str
    pages: frozenset[str]


_EVERYTHING_CLINICAL = "user/*.rs"

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("clinician", "Clinician", _EVERYTHING_CLINICAL, frozenset({"patients", "images"})),
        Role("radiologist", "Reporting radiologist", _EVERYTHING_CLINICAL, frozenset({"patients", "images"})),
        Role("ris-manager", "RIS manager", _EVERYTHING_CLINICAL, frozenset({"patients", "images", "feeds"})),
        Role("pacs-manager", "PACS manager", _EVERYTHING_CLINICAL, frozenset({"patients", "images", "feeds"})),
        Role(
            "information-governance",
            "Information governance",
            "user/AuditEvent.rs user/Provenance.rs user/Patient.rs",
            frozenset({"feeds"}),
        ),
        Role("administrator", "Administrator", "user/Organization.rs user/Endpoint.rs", frozenset({"feeds"})),
    )
}
