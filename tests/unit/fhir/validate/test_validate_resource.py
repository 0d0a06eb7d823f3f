"""Valid R4 resources pass, and each fault is found at its exact path with the right issue code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_server.fhir.validate import validate_resource
from tests.unit.fhir.validate.resources import (
    BINARY,
    CONDITION,
    DIV,
    DROP,
    IMAGING_STUDY,
    OBSERVATION,
    PARAMETERS,
    PATIENT,
    TRANSACTION,
    VALID,
    spoil,
)

Json = dict[str, Any]


@pytest.mark.parametrize("name", VALID)
def test_valid_resource_has_no_issue(name: str) -> None:
    assert validate_resource(VALID[name], expected_type=name) == []


STRUCTURE: list[tuple[Json, str, Any, str, str]] = [
    (PATIENT, "birthdate", "1970-02-28", "structure", "Patient.birthdate"),
    (PATIENT, "fhir_comments", ["x"], "structure", "Patient.%unknown"),
    (PATIENT, "name.0.resourceType", "HumanName", "structure", "Patient.name[0].resourceType"),
    (PATIENT, "_name", [{"id": "a"}], "structure", "Patient._name"),
    (PATIENT, "name", {"family": "Quillfeather"}, "structure", "Patient.name"),
    (PATIENT, "gender", ["female"], "structure", "Patient.gender"),
    (PATIENT, "managingOrganization", [{"display": "x"}], "structure", "Patient.managingOrganization"),
    (PATIENT, "managingOrganization", "Organization/rx1", "structure", "Patient.managingOrganization"),
    (PATIENT, "telecom", [], "structure", "Patient.telecom"),
    (PATIENT, "contact.0.name", {}, "structure", "Patient.contact[0].name"),
    (PATIENT, "address.0.city", None, "structure", "Patient.address[0].city"),
    (PATIENT, "address.0.line", ["a", None], "structure", "Patient.address[0].line[1]"),
    (PATIENT, "address.0._line", [{"id": "a"}, {"id": "b"}], "structure", "Patient.address[0].line"),
    (PATIENT, "name.0._given.1", None, "structure", "Patient.name[0].given[1]"),
    (PATIENT, "_birthDate", {}, "structure", "Patient.birthDate"),
    (PATIENT, "_birthDate", "x", "structure", "Patient.birthDate"),
    (PATIENT, "deceasedDateTime", "2020", "structure", "Patient.deceased"),
    (PATIENT, "_deceasedDateTime", {"id": "x"}, "structure", "Patient.deceased"),
    (PATIENT, "deceasedString", "no", "structure", "Patient.deceasedString"),
    (PATIENT, "contained", [{"id": "x"}], "structure", "Patient.contained[0]"),
    (PARAMETERS, "parameter.0.resource.resourceType", "Citation", "structure", "Parameters.parameter[0].resource"),
    (TRANSACTION, "entry.1.resource", {"resourceType": "Foo"}, "structure", "Bundle.entry[1].resource"),
    (TRANSACTION, "entry.1.resource.statuss", "x", "structure", "Bundle.entry[1].resource.statuss"),
]

REQUIRED: list[tuple[Json, str, Any, str, str]] = [
    (IMAGING_STUDY, "status", DROP, "required", "ImagingStudy.status"),
    (IMAGING_STUDY, "series.0.instance.0.uid", DROP, "required", "ImagingStudy.series[0].instance[0].uid"),
    (TRANSACTION, "entry.1.resource.subject", DROP, "required", "Bundle.entry[1].resource.subject"),
    (IMAGING_STUDY, "contained.0.intent", DROP, "required", "ImagingStudy.contained[0].intent"),
    (PATIENT, "_birthDate.extension.0.url", DROP, "required", "Patient.birthDate.extension[0].url"),
]

VALUES: list[tuple[Json, str, Any, str, str]] = [
    (PATIENT, "id", "x" * 65, "value", "Patient.id"),
    (PATIENT, "id", "a_b", "value", "Patient.id"),
    (PATIENT, "active", "true", "value", "Patient.active"),
    (PATIENT, "active", 1, "value", "Patient.active"),
    (PATIENT, "birthDate", "1970-02-30", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1900-02-29", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "28/02/1970", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "0000", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", 19700228, "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1970-02-28\n", "value", "Patient.birthDate"),
    (PATIENT, "birthDate", "1970-02-28T10:00:00Z", "value", "Patient.birthDate"),
    (PATIENT, "telecom.0.rank", 0, "value", "Patient.telecom[0].rank"),
    (PATIENT, "telecom.0.rank", True, "value", "Patient.telecom[0].rank"),
    (PATIENT, "telecom.0.rank", Decimal("1.0"), "value", "Patient.telecom[0].rank"),
    (PATIENT, "name.0.family", "", "value", "Patient.name[0].family"),
    (PATIENT, "name.0.family", "Quill\u0000feather", "value", "Patient.name[0].family"),
    (PATIENT, "name.0.family", "Quill\ud800", "value", "Patient.name[0].family"),
    (PATIENT, "name.0.family", {"text": "x"}, "value", "Patient.name[0].family"),
    (PATIENT, "name.0.family", "x" * (1024 * 1024 + 1), "too-long", "Patient.name[0].family"),
    (PATIENT, "identifier.0.system", "not a uri", "value", "Patient.identifier[0].system"),
    (PATIENT, "identifier.0.system", "urn:oid:1.02.3", "value", "Patient.identifier[0].system"),
    (PATIENT, "meta.lastUpdated", "2026-01-05", "value", "Patient.meta.lastUpdated"),
    (PATIENT, "meta.lastUpdated", "2026-01-05T24:00:00Z", "value", "Patient.meta.lastUpdated"),
    (IMAGING_STUDY, "started", "2026-01-05T08:12:00", "value", "ImagingStudy.started"),
    (IMAGING_STUDY, "started", "2026-01-05T08:12Z", "value", "ImagingStudy.started"),
    (IMAGING_STUDY, "numberOfSeries", -1, "value", "ImagingStudy.numberOfSeries"),
    (IMAGING_STUDY, "numberOfSeries", 2**31, "value", "ImagingStudy.numberOfSeries"),
    (IMAGING_STUDY, "series.0.uid", "1 2", "value", "ImagingStudy.series[0].uid"),
    (OBSERVATION, "valueQuantity.value", "6.30", "value", "Observation.value.value"),
    (OBSERVATION, "valueQuantity.value", Decimal("NaN"), "value", "Observation.value.value"),
    (OBSERVATION, "valueQuantity.value", Decimal("1E+400"), "value", "Observation.value.value"),
    (BINARY, "data", "JVBERi0xLjQ", "value", "Binary.data"),
    (BINARY, "data", "JVBER!0x", "value", "Binary.data"),
    (BINARY, "contentType", "pdf", "value", "Binary.contentType"),
]

CODES: list[tuple[Json, str, Any, str, str]] = [
    (PATIENT, "gender", "M", "code-invalid", "Patient.gender"),
    (IMAGING_STUDY, "status", "Available", "code-invalid", "ImagingStudy.status"),
    (PATIENT, "name.0.use", "legal", "code-invalid", "Patient.name[0].use"),
    (CONDITION, "clinicalStatus.coding.0.code", "ill", "code-invalid", "Condition.clinicalStatus"),
    (CONDITION, "clinicalStatus.coding.0.system", "http://example.org", "code-invalid", "Condition.clinicalStatus"),
    (CONDITION, "clinicalStatus", {"text": "active"}, "code-invalid", "Condition.clinicalStatus"),
]

REFERENCES: list[tuple[Json, str, Any, str, str]] = [
    (IMAGING_STUDY, "subject.reference", "Practitioner/1", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "https://x.example/r4/Location/1", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "Location?identifier=a", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "Patients/1", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "p1", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "Patient/a b", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.type", "Location", "value", "ImagingStudy.subject.type"),
    (IMAGING_STUDY, "subject.type", "Group", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "subject.reference", "#order", "value", "ImagingStudy.subject.reference"),
    (IMAGING_STUDY, "basedOn.0.reference", "#gone", "invariant", "ImagingStudy.basedOn[0].reference"),
    (
        TRANSACTION,
        "entry.1.resource.subject.reference",
        "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9",
        "value",
        "Bundle.entry[1].resource.subject.reference",
    ),
]

CONTAINED: list[tuple[Json, str, Any, str, str]] = [
    (IMAGING_STUDY, "basedOn", DROP, "invariant", "ImagingStudy.contained[0]"),
    (IMAGING_STUDY, "contained.0.id", DROP, "required", "ImagingStudy.contained[0].id"),
    (IMAGING_STUDY, "contained.0.meta", {"versionId": "1"}, "invariant", "ImagingStudy.contained[0].meta"),
    (IMAGING_STUDY, "contained.0.meta", {"security": [{"code": "R"}]}, "invariant", "ImagingStudy.contained[0].meta"),
    (
        IMAGING_STUDY,
        "contained.0.contained",
        [{"resourceType": "Patient", "id": "x"}],
        "invariant",
        "ImagingStudy.contained[0].contained[0]",
    ),
]

FAULTS = [*STRUCTURE, *REQUIRED, *VALUES, *CODES, *REFERENCES, *CONTAINED]


@pytest.mark.parametrize(("resource", "path", "value", "code", "expression"), FAULTS)
def test_fault_is_found_at_its_path(resource: Json, path: str, value: Any, code: str, expression: str) -> None:
    issues = validate_resource(spoil(resource, path, value))
    assert (code, expression) in [(issue.code, issue.expression) for issue in issues]
    assert all(issue.severity == "error" for issue in issues)


GOOD: list[tuple[Json, str, Any]] = [
    (PATIENT, "birthDate", "2000-02-29"),
    (PATIENT, "birthDate", "1970"),
    (PATIENT, "birthDate", DROP),
    (PATIENT, "name.0.family", "Señora\tO’Quill\u00a0\U0001f600"),
    (PATIENT, "managingOrganization", {"identifier": {"value": "RX1"}, "type": "Organization"}),
    (PATIENT, "extension", [{"url": "http://example.org/m", "valueMeta": {"tag": [{"code": "x"}]}}]),
    (IMAGING_STUDY, "started", "2026-01-05T08:12:60.123456789-00:30"),
    (IMAGING_STUDY, "subject.reference", "Patient/p1/_history/2"),
    (IMAGING_STUDY, "subject.reference", "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"),
    (IMAGING_STUDY, "subject.reference", "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018"),
    (IMAGING_STUDY, "contained.0.meta", {"tag": [{"code": "x"}]}),
    (OBSERVATION, "valueQuantity.value", Decimal("1E+245")),
    (OBSERVATION, "valueQuantity.value", 6.3),
    (OBSERVATION, "valueQuantity.value", DROP),
    (OBSERVATION, "status", "amended"),
    (BINARY, "contentType", "application/dicom+json; charset=utf-8"),
]


@pytest.mark.parametrize(("resource", "path", "value"), GOOD)
def test_unusual_and_legal_content_passes(resource: Json, path: str, value: Any) -> None:
    assert validate_resource(spoil(resource, path, value)) == []


@pytest.mark.parametrize("content", [None, [], "Patient", 3, {}, {"resourceType": ["Patient"]}, {"resourceType": ""}])
def test_what_is_not_a_resource_is_one_structure_issue(content: Any) -> None:
    assert [issue.code for issue in validate_resource(content)] == ["structure"]


@pytest.mark.parametrize(
    "name", ["Citation", "SubscriptionTopic", "Resource", "DomainResource", "HumanName", "patient"]
)
def test_type_that_is_not_a_concrete_r4_resource_is_refused(name: str) -> None:
    assert [issue.code for issue in validate_resource({"resourceType": name})] == ["structure"]


def test_other_type_than_expected_is_refused() -> None:
    issues = validate_resource(PATIENT, expected_type="Practitioner")
    assert [(issue.code, issue.expression) for issue in issues] == [("structure", "Patient")]


def test_misspelt_element_gets_a_suggestion() -> None:
    (issue,) = validate_resource(spoil(PATIENT, "birthdate", "1970-02-28"))
    assert issue.text == "birthdate is not an element of type Patient in FHIR R4 at this place. Did you mean birthDate?"


def test_issue_texts_never_repeat_what_was_sent() -> None:
    marker = "Quillfeather9990000018"
    for resource, path, *_ in FAULTS:
        for value in (marker, [marker], {marker: marker}, {"reference": marker, "coding": [{"code": marker}]}):
            for issue in validate_resource(spoil(resource, path, value)):
                assert marker not in issue.text.replace(f"{marker} is not an element", "")


def test_property_name_that_is_not_a_name_is_not_repeated() -> None:
    (issue,) = validate_resource({"resourceType": "Patient", "Odile Quillfeather": 1})
    assert "Odile" not in issue.text + str(issue.expression)


def test_depth_is_bounded() -> None:
    item: Json = {"linkId": "1", "text": "leaf"}
    for _ in range(200):
        item = {"linkId": "1", "item": [item]}
    issues = validate_resource({"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]})
    assert any("nested" in issue.text for issue in issues)


def test_number_of_issues_is_bounded() -> None:
    assert len(validate_resource({"resourceType": "Patient", "name": [{"family": 1}] * 500})) == 100


def test_every_fault_of_one_resource_is_reported_at_once() -> None:
    spoilt = spoil(spoil(spoil(PATIENT, "gender", "M"), "birthDate", "1970-02-30"), "identifier.0.use", "mine")
    assert {issue.expression for issue in validate_resource(spoilt)} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.identifier[0].use",
    }


def test_narrative_is_checked_inside_the_resource() -> None:
    (issue,) = validate_resource(spoil(PATIENT, "text.div", DIV.replace("<p>", "<p onclick='x()'>")))
    assert (issue.code, issue.expression) == ("value", "Patient.text.div")
