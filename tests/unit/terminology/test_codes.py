"""Codes are the same by system and code; stores answer what they hold and say what they do not know."""

import pytest

from terminology.codes import CodeSystem, Coding, Concept, ValueSet
from terminology.memory import MemoryTerminology
from terminology.port import TerminologySource
from terminology.sctid import is_valid_concept_id

HEAD = Coding("urn:s", "H", "Head")


def test_display_does_not_make_another_code() -> None:
    assert Coding("urn:s", "H", "head") == HEAD
    assert len({Coding("urn:s", "H", "head"), HEAD}) == 1


def test_code_system_refuses_a_code_twice_or_of_another_system() -> None:
    for other in (Concept(HEAD), Concept(Coding("urn:t", "N"))):
        with pytest.raises(ValueError, match="urn:s"):
            CodeSystem.of("urn:s", "1", [Concept(HEAD), other])


def test_memory_answers_what_it_holds_and_none_for_the_rest() -> None:
    source: TerminologySource = MemoryTerminology(
        [CodeSystem.of("urn:s", "1", [Concept(HEAD)])], value_sets=[ValueSet("urn:v", frozenset({HEAD}))]
    )
    assert source.find_concept("urn:s", "H") == Concept(HEAD)
    assert source.find_concept("urn:s", "X") is None
    assert source.find_concept("urn:t", "H") is None
    assert (source.is_complete("urn:s"), source.is_complete("urn:t")) == (True, False)
    assert source.is_member("urn:v", HEAD) is True
    assert source.is_member("urn:v", Coding("urn:s", "X")) is False
    assert source.is_member("urn:w", HEAD) is None
    assert source.find_mappings(HEAD) == ()


@pytest.mark.parametrize("text", ["45036003", "418062002", "7771000", "818981001", "816094009", "999001111000000105"])
def test_snomed_identifier_with_right_check_digit(text: str) -> None:
    assert is_valid_concept_id(text)


@pytest.mark.parametrize("text", ["", "45036004", "4.5E7", "450360030000000000000", "045036003", "999001111000000100"])
def test_rounded_or_mistyped_snomed_identifier_is_refused(text: str) -> None:
    assert not is_valid_concept_id(text)
