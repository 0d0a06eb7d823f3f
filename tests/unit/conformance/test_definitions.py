"""The compiled R4 index says what the specification says."""

from __future__ import annotations

import pytest

from conformance.definitions import definitions


def test_every_concrete_resource_type_of_r4_is_there_and_none_of_r4b() -> None:
    names = definitions().resource_types
    assert len(names) == 146
    assert {"Patient", "ImagingStudy", "MedicinalProduct"} <= set(names)
    assert not {"Citation", "SubscriptionTopic", "Resource", "DomainResource"} & set(names)


def test_index_names_its_source() -> None:
    source = definitions().source
    assert (source["package"], source["version"], source["licence"]) == ("hl7.fhir.r4.core", "4.0.1", "CC0-1.0")


def test_choice_element_lists_its_json_names() -> None:
    deceased = definitions().types["Patient"].element("Patient.deceased[x]")
    assert {name: t.code for name, t in deceased.json_names.items() if t} == {
        "deceasedBoolean": "boolean",
        "deceasedDateTime": "dateTime",
    }


def test_nested_element_has_path_cardinality_binding_and_targets() -> None:
    imaging_study = definitions().types["ImagingStudy"]
    uid = imaging_study.element("ImagingStudy.series.instance.uid")
    actor = imaging_study.element("ImagingStudy.series.performer.actor")
    status = imaging_study.element("ImagingStudy.status")
    assert (uid.min, uid.max, uid.types[0].code) == (1, 1, "id")
    assert "PractitionerRole" in actor.types[0].targets
    assert status.binding is not None
    assert status.binding.strength == "required"
    assert "available" in (definitions().value_set_codes(status.binding.value_set) or ())


def test_content_reference_names_the_element_whose_content_it_repeats() -> None:
    assert definitions().types["Bundle"].element("Bundle.entry.link").content_reference == "Bundle.link"


def test_invariants_stand_with_the_type_that_adds_them() -> None:
    types = definitions().types
    assert {rule.key for rule in types["Reference"].invariants} == {"ref-1"}
    assert not types["ImagingStudy"].invariants
    assert {rule.key for rule in types["Patient"].element("Patient.contact").invariants} == {"pat-1"}


def test_value_sets_know_their_systems() -> None:
    codings = definitions().value_set_codings("http://hl7.org/fhir/ValueSet/administrative-gender")
    assert ("http://hl7.org/fhir/administrative-gender", "unknown") in (codings or ())


def test_value_set_that_cannot_be_listed_has_no_codes() -> None:
    assert definitions().value_set_codes("http://hl7.org/fhir/ValueSet/mimetypes") is None


def test_the_published_list_of_search_parameters_is_whole_and_without_extras() -> None:
    parameters = definitions().search_parameter_by_number.values()
    assert len({parameter.url for parameter in parameters}) == 1375
    assert "mothersMaidenName" not in definitions().search_parameters("Patient")


def test_search_parameter_numbers_are_unique_and_frozen() -> None:
    numbers = definitions().search_parameter_by_number
    assert all(number == parameter.number < 100_000 for number, parameter in numbers.items())
    # Index rows in databases carry these numbers: a change here needs a migration and a reindex.
    frozen = {("ImagingStudy", "modality"): 1299, ("Patient", "_id"): 2109, ("Task", "status"): 2892}
    assert {key: definitions().search_parameters(key[0])[key[1]].number for key in frozen} == frozen


def test_shared_parameter_is_cut_to_the_branch_of_the_type() -> None:
    patient = definitions().search_parameters("ImagingStudy")["patient"]
    assert patient.expression == "ImagingStudy.subject.where(resolve() is Patient)"
    assert patient.targets == ("Patient",)
    assert definitions().search_parameters("Patient")["phone"].expression == "Patient.telecom.where(system='phone')"


def test_every_type_has_the_parameters_of_all_resources() -> None:
    for name in definitions().resource_types:
        assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} <= set(
            definitions().search_parameters(name)
        )


def test_components_of_a_composite_are_parameters_of_the_same_type() -> None:
    for parameter in definitions().search_parameter_by_number.values():
        same_type = definitions().search_parameters(parameter.resource_type)
        assert all(code in same_type for code, _ in parameter.components), parameter
        assert bool(parameter.components) == (parameter.type == "composite"), parameter


def test_compartments_name_parameters_that_exist() -> None:
    for name in ("Patient", "Practitioner", "Encounter", "Device", "RelatedPerson"):
        for resource_type, codes in definitions().compartment(name).items():
            assert set(codes) <= set(definitions().search_parameters(resource_type)), (name, resource_type)
    assert definitions().patient_compartment["ImagingStudy"] == ("patient",)


def test_unknown_type_or_compartment_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        definitions().search_parameters("Citation")
    with pytest.raises(KeyError):
        definitions().compartment("Group")
