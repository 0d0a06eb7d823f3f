"""Strict parsing: what cannot be searched is refused and named (design decision 8)."""

from __future__ import annotations

import pytest

from fhir_server.errors import BadRequest, RecordError, UnsupportedParameter
from fhir_server.search.escapes import split_escaped, split_unescaped
from fhir_server.search.parse import Limits, parse_search
from fhir_server.search.query import Chain, Matches, bound_parameters

UNSUPPORTED = {
    "an unknown name": ("Patient", "famly", "Smith"),
    "a quantity": ("Observation", "value-quantity", "5"),
    "a composite": ("Observation", "code-value-quantity", "a$5"),
    "a number": ("ChargeItem", "factor-override", "1"),
    "a place nearby": ("Location", "near", "1|2"),
    "a text search": ("Patient", "_text", "x"),
    "a modifier of another type": ("Patient", "family:not", "x"),
    "a modifier nobody has": ("Patient", "gender:sounds-like", "x"),
    "a token's text": ("Observation", "code:text", "x"),
    "a uri below": ("ValueSet", "url:below", "http://x"),
    "a prefix nobody has": ("Patient", "birthdate", "xx2026"),
    "a wildcard include": ("ImagingStudy", "_include", "*"),
    "an iterated include": ("ImagingStudy", "_include:iterate", "ImagingStudy:patient"),
    "a summary": ("Patient", "_summary", "true"),
    "chosen elements": ("Patient", "_elements", "name"),
    "a filter expression": ("Patient", "_filter", "x eq y"),
    "a chain to an unknown name": ("ImagingStudy", "patient.famly", "x"),
    "a chain of too many types": ("Provenance", "target.identifier", "x"),
}
MALFORMED = {
    "an empty value": ("Patient", "family", ""),
    "an empty alternative": ("Patient", "family", "a,,b"),
    "no date": ("Patient", "birthdate", "soon"),
    "a day that is none": ("Patient", "birthdate", "2026-02-30"),
    "a token of three parts": ("Patient", "identifier", "a|b|c"),
    "an empty token": ("Patient", "identifier", "|"),
    "a missing that is neither true nor false": ("Patient", "gender:missing", "maybe"),
    "a negative count": ("Patient", "_count", "-1"),
    "a total of another kind": ("Patient", "_total", "all"),
    "an id with a blank": ("Patient", "_id", "a b"),
    "a chain through what is no reference": ("Patient", "gender.name", "x"),
    "a type that the reference cannot have": ("ImagingStudy", "subject:Organization", "1"),
    "a reference to another type than named": ("ImagingStudy", "subject:Patient", "Device/1"),
    "an include of what is no reference": ("ImagingStudy", "_include", "ImagingStudy:status"),
    "an include from another type": ("ImagingStudy", "_include", "Patient:organization"),
    "a reverse include that does not lead here": ("ImagingStudy", "_revinclude", "Patient:organization"),
    "_has without its parts": ("Patient", "_has:ImagingStudy:patient", "x"),
    "_has that does not lead here": ("Patient", "_has:ImagingStudy:basedon:status", "x"),
}


@pytest.mark.parametrize(("kind", "name", "value"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_unsupported_is_refused_and_named(kind: str, name: str, value: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        parse_search(kind, [(name, value)])
    assert refused.value.issues[0].expression == f"http.{name}"


@pytest.mark.parametrize(("kind", "name", "value"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_lenient_search_warns_of_what_it_leaves_out(kind: str, name: str, value: str) -> None:
    query = parse_search(kind, [(name, value)], lenient=True)
    assert (query.criteria, query.includes) == ((), ())
    assert [(issue.severity, issue.expression) for issue in query.warnings] == [("warning", f"http.{name}")]


@pytest.mark.parametrize(("kind", "name", "value"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_is_refused_even_when_lenient(kind: str, name: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_search(kind, [(name, value)], lenient=True)
    assert refused.value.issues[0].expression == f"http.{name}"


def test_refusal_lists_the_valid_names_and_not_the_value() -> None:
    with pytest.raises(UnsupportedParameter, match="birthdate") as refused:
        parse_search("Patient", [("famly", "Secret")])
    assert "Secret" not in str(refused.value)


@pytest.mark.parametrize("kind", [None, "Spaceship"])
def test_search_names_an_r4_type(kind: str | None) -> None:
    with pytest.raises(RecordError):
        parse_search(kind, [])


def test_type_outside_the_compartment_is_refused() -> None:
    with pytest.raises(BadRequest):
        parse_search("Endpoint", [], compartment=("Patient", "1"))


def test_untyped_chain_leads_to_each_type_that_has_the_parameter() -> None:
    (chain,) = parse_search("ImagingStudy", [("subject.identifier", "x")]).criteria
    assert isinstance(chain, Chain)
    assert [hop.resource_type for hop in chain.hops] == ["Device", "Group", "Patient"]


def test_alternatives_are_split_at_commas_that_are_not_escaped() -> None:
    (criterion,) = parse_search("Patient", [("family", r"a\,b,c")]).criteria
    assert isinstance(criterion, Matches)
    assert [value.folded for value in criterion.values] == ["a,b", "c"]  # type: ignore[attr-defined]


def test_escapes_are_undone_once() -> None:
    assert split_escaped(r"a\\,b", ",") == [r"a\\", "b"]
    assert split_unescaped(r"a\\|b\|c", "|") == ["a\\", "b|c"]


def test_page_is_never_larger_than_the_limit() -> None:
    assert parse_search("Patient", [("_count", "5000")], limits=Limits(page_max=100)).page_size == 100


def test_searches_that_differ_only_in_values_have_one_shape() -> None:
    first = parse_search("Patient", [("family", "a"), ("birthdate", "ge2026")])
    second = parse_search("Patient", [("family", "b"), ("birthdate", "ge1950-01-02")])
    assert first.shape == second.shape
    assert bound_parameters(first.criteria) != bound_parameters(second.criteria)
    assert first.shape != parse_search("Patient", [("family:exact", "a"), ("birthdate", "ge2026")]).shape


def test_fingerprint_ignores_the_page_size_alone() -> None:
    base = parse_search("Patient", [("family", "a")]).fingerprint
    assert parse_search("Patient", [("family", "a"), ("_count", "3")]).fingerprint == base
    assert parse_search("Patient", [("family", "b")]).fingerprint != base
    assert parse_search("Patient", [("family", "a")], compartment=("Patient", "1")).fingerprint != base


@pytest.mark.parametrize(
    ("name", "value", "most"), [("family", "Smith", 50), ("_include", "Patient:organization", 20)]
)
def test_conditions_and_includes_are_counted(name: str, value: str, most: int) -> None:
    parse_search("Patient", [*[(name, value)] * most, ("_count", "1")])
    with pytest.raises(BadRequest):
        parse_search("Patient", [(name, value)] * (most + 1))
