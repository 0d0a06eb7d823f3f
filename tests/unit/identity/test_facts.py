"""What demographics say as far as linking goes."""

from __future__ import annotations

from typing import Any

from fhir_server.identity.facts import Facts, read_facts
from fhir_server.identity.linking import PERSON, group_of
from fhir_server.identity.merges import may_join
from fhir_server.storage.contribution_rows import Contribution, Identity, Name
from terminology.nhs_number import make_test_nhs_number
from terminology.systems import NHS_NUMBER, UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION

ONE, TWO = make_test_nhs_number(1), make_test_nhs_number(2)
NAME = Name("urn:x/mrn", "K1")


def _said(number: str = "", born: str | None = "", *, status: str = "01", time: int = 0, **more: Any) -> Contribution:
    coding = {"coding": [{"code": status}]}
    verification = {"url": UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION, "valueCodeableConcept": coding}
    content: dict[str, Any] = {}
    if number:
        content["identifier"] = [{"extension": [verification], "system": NHS_NUMBER, "value": number}]
    if born != "":
        content["birthDate"] = born
    return Contribution(f"c{time}", "Patient", NAME, content, time, time, **more)


def test_verified_number_and_birth_date_are_facts() -> None:
    assert read_facts([_said(ONE, "1950-02-03")]) == Facts(ONE, "1950-02-03")


def test_number_that_was_not_traced_is_no_fact() -> None:
    assert read_facts([_said(ONE, "1950-02-03", status="02")]).nhs_number == ""


def test_number_that_fails_its_check_is_no_fact() -> None:
    assert read_facts([_said("9990000000", "1950-02-03")]).nhs_number == ""


def test_silence_about_the_number_leaves_it_as_it_was() -> None:
    assert read_facts([_said(ONE, "1950-02-03"), _said(born="1950-02-03", time=5)]).nhs_number == ONE


def test_newest_birth_date_counts_and_clearing_it_removes_it() -> None:
    assert read_facts([_said(ONE, "1950-02-03"), _said(ONE, "1950-03-02", time=5)]).birth_date == "1950-03-02"
    assert read_facts([_said(ONE, "1950-02-03"), _said(ONE, None, time=5)]).birth_date == ""


def test_mention_counts_only_while_the_owner_has_said_nothing() -> None:
    mention = _said(TWO, "1999-01-01", time=9, authoritative=False)
    assert read_facts([mention]) == Facts(TWO, "1999-01-01")
    assert read_facts([_said(ONE, "1950-02-03"), mention]) == Facts(ONE, "1950-02-03")


def test_two_verified_numbers_contradict_each_other() -> None:
    assert read_facts([_said(ONE, "1950-02-03"), _said(TWO, "1950-02-03", time=5)]).contradicts_itself


def test_only_complete_and_consistent_identities_are_grouped_by_number() -> None:
    complete = Identity(NAME, "RX1", nhs_number=ONE, birth_date="1950-02-03")
    assert group_of(complete) == Name(PERSON, f"{ONE}:1950-02-03")
    assert group_of(Identity(NAME, "RX1", nhs_number=ONE)) == NAME
    assert group_of(Identity(NAME, "RX1", nhs_number=ONE, birth_date="1950", contradicts_itself=True)) == NAME


def test_people_with_two_verified_numbers_may_not_be_joined() -> None:
    one, two = Identity(NAME, "RX1", nhs_number=ONE), Identity(NAME, "RX1", nhs_number=TWO)
    assert not may_join(one, two) and may_join(one, Identity(NAME, "RX1")) and may_join(one, one)
