"""SMART scopes: what is one, what it grants, and what is never granted by half."""

from __future__ import annotations

import pytest

from fhir_server.access.scopes import parse_scope, parse_scopes


@pytest.mark.parametrize(
    ("text", "permissions"),
    [
        ("system/Patient.rs", "rs"),
        ("system/*.cruds", "cruds"),
        ("user/ImagingStudy.r", "r"),
        ("patient/*.s", "s"),
        ("system/Patient.read", "rs"),
        ("system/Patient.write", "cud"),
        ("system/*.*", "cruds"),
    ],
)
def test_scope_of_either_version_is_read(text: str, permissions: str):
    assert parse_scope(text).permissions == permissions


@pytest.mark.parametrize(
    "text",
    [
        "system/Patient.sr", "system/Patient.dus", "patient/*.sduc", "system/Patient.rr", "system/Patient.",
        "system/Patient", "system/patient.rs", "PATIENT/Patient.rs", "System/*.rs", "system/*.*?", "system/**.rs",
        "system/Patient.rs?category=x", "system/Pat\u0456ent.rs", "\u0455ystem/Patient.rs", "system/Patient.reads",
        "system/Patient.rs\n", "openid", "launch/patient", "system//Patient.rs", "system/Patient.READ", "",
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused_whole(text: str):
    with pytest.raises(ValueError, match="not a SMART scope"):
        parse_scope(text)


def test_scopes_are_a_union_by_type_and_letter():
    scopes = parse_scopes("system/Patient.r system/ImagingStudy.rs  system/Patient.r")
    assert scopes.allows("Patient", "r")
    assert not scopes.allows("Patient", "s")
    assert scopes.allows("ImagingStudy", "s")
    assert not scopes.allows("Observation", "r")
    assert scopes.types("s") == {"ImagingStudy"}
    assert parse_scopes("system/*.r system/Patient.rs").types("r") is None
    assert parse_scopes("").types("r") == frozenset()


def test_asking_for_more_than_is_registered_is_not_within():
    registered = parse_scopes("system/Patient.rs system/ImagingStudy.cruds")
    assert parse_scopes("system/Patient.r").within(registered)
    assert not parse_scopes("system/Patient.cr").within(registered)
    assert not parse_scopes("system/*.r").within(registered)
    assert not parse_scopes("user/Patient.r").within(registered)
    assert parse_scopes("system/Observation.r").within(parse_scopes("system/*.r"))


def test_sixty_four_kilobytes_of_scopes_are_read_quickly():
    assert parse_scopes("system/Patient.rs " * 4000).allows("Patient", "r")


def test_scopes_of_a_level_are_told_apart():
    scopes = parse_scopes("patient/*.rs system/Patient.r")
    assert scopes.at("system", "user") == parse_scopes("system/Patient.r")
