"""What people type: searches, and where signing in leads."""

from __future__ import annotations

import pytest

from fhir_server.portal.finding import read_wanted
from fhir_server.portal.people import format_name, make_person
from fhir_server.portal.signing_in import local_path
from terminology.systems import NHS_NUMBER


@pytest.mark.parametrize("typed", ["9990100004", "999 010 0004", "999-010-0004", " 999\u00a0010 0004 "])
def test_an_nhs_number_is_read_however_it_is_spaced(typed: str) -> None:
    assert read_wanted({"nhs_number": typed}).parameters == [("identifier", f"{NHS_NUMBER}|9990100004")]


def test_a_name_with_search_characters_is_searched_as_it_is_written() -> None:
    wanted = read_wanted({"family": "O,B|r$", "day": "3", "month": "2", "year": "1980"})
    assert wanted.parameters == [("family", "O\\,B\\|r\\$"), ("birthdate", "1980-02-03")]


@pytest.mark.parametrize(
    "typed",
    [
        {"day": "x", "month": "2", "year": "1980"},
        {"day": "1", "month": "1", "year": "80"},
        {"day": "1", "month": "1", "year": "9" * 30},
    ],
)
def test_what_is_no_date_is_an_error_at_the_date(typed: dict[str, str]) -> None:
    assert list(read_wanted({"family": "A", **typed}).errors) == ["born-day"]


@pytest.mark.parametrize(
    "address", [None, "", "x", "//a.example", "https://a.example", "/\\a", "/a b", "/a\r\nx", "/sign-in"]
)
def test_only_a_path_of_this_server_is_gone_to_after_signing_in(address: str | None) -> None:
    assert local_path(address) == "/"


def test_a_path_with_a_query_is_kept() -> None:
    assert local_path("/patients/abc?year=2026") == "/patients/abc?year=2026"


def test_names_are_written_as_the_nhs_displays_them() -> None:
    patient = {
        "name": [{"family": "Old"}, {"use": "official", "family": "Öztürk", "given": ["Dilys"], "prefix": ["Ms"]}]
    }
    assert format_name(patient) == "ÖZTÜRK, Dilys (Ms)"
    assert format_name({}) == "Name not known"


def test_an_untraced_number_is_not_shown_as_verified() -> None:
    person = make_person({"id": "p", "identifier": [{"system": NHS_NUMBER, "value": "9990100004"}]}, {})
    assert (person.nhs_number, person.nhs_number_status, person.nhs_number_verified) == (
        "999 010 0004",
        "Not verified",
        False,
    )
