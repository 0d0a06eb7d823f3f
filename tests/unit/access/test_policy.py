"""Every R4 type has a class, and what is no R4 type has none and so is denied."""

from __future__ import annotations

from conformance.definitions import definitions
from fhir_server.access.policy import ROLES, TypeClass, impersonal_types, type_class
from fhir_server.access.scopes import parse_scopes


def test_every_type_of_r4_has_a_class():
    assert {name for name in definitions().resource_types if type_class(name) is None} == set()


def test_types_of_other_releases_have_none():
    for name in ("Citation", "SubscriptionTopic", "Patiant", "", "Resource", "DomainResource", "patient"):
        assert type_class(name) is None


def test_types_in_the_patient_compartment_are_clinical_or_guarded_by_their_patient():
    for name in definitions().patient_compartment:
        assert type_class(name) in (TypeClass.CLINICAL, TypeClass.SECURITY, TypeClass.SHARED)


def test_no_type_about_people_is_impersonal():
    for name in ("Patient", "Person", "RelatedPerson", "Group", "Basic", "Binary", "Bundle", "Linkage", "Consent",
                 "Observation", "DiagnosticReport", "ImagingStudy", "AuditEvent", "Provenance"):  # fmt: skip
        assert name not in impersonal_types()


def test_roles_have_readable_scopes_and_may_write_nothing():
    for role in ROLES.values():
        scopes = parse_scopes(role.scopes)
        assert scopes == scopes.at("user")
        assert not any(scopes.allows("Patient", letter) for letter in "cud")
