"""Translation walks several maps, keeps the chain, and never claims more closeness than its weakest step."""

from __future__ import annotations

import pytest

from terminology.codes import Coding
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.memory import MemoryTerminology
from terminology.systems import NICIP, SNOMED_CT
from terminology.translate import compose, translate

SITE = "urn:x-imaging-record:RX1:exam-code"
OPCS = "https://fhir.hl7.org.uk/CodeSystem/opcs-4"
LOCAL = Coding(SITE, "U34", "Ultrasound abdo")
UABDO = Coding(NICIP, "UABDO")
ABDOMEN = Coding(SNOMED_CT, "45036003")
E = Equivalence


def terminology(*pairs: tuple[Coding, Coding, Equivalence]) -> MemoryTerminology:
    return MemoryTerminology(concept_maps=[ConceptMap.of("urn:map", "1", pairs)])


def test_site_code_reaches_snomed_through_nicip_and_the_chain_is_kept() -> None:
    (found,) = translate(terminology((LOCAL, UABDO, E.EQUIVALENT), (UABDO, ABDOMEN, E.EQUIVALENT)), LOCAL, SNOMED_CT)
    assert found.chain == (LOCAL, UABDO, ABDOMEN)
    assert found.target == ABDOMEN
    assert found.equivalence is E.EQUIVALENT
    assert found.origins == ("urn:map", "urn:map")


def test_code_of_the_wanted_system_is_its_own_translation() -> None:
    (found,) = translate(terminology(), ABDOMEN, SNOMED_CT)
    assert (found.chain, found.equivalence) == ((ABDOMEN,), E.EQUAL)


def test_code_without_a_map_has_no_translation() -> None:
    assert translate(terminology((LOCAL, UABDO, E.EQUIVALENT)), LOCAL, SNOMED_CT) == ()


def test_several_targets_come_closest_first() -> None:
    wider = Coding(SNOMED_CT, "16310003")
    found = translate(terminology((UABDO, wider, E.WIDER), (UABDO, ABDOMEN, E.EQUIVALENT)), UABDO, SNOMED_CT)
    assert [translation.target for translation in found] == [ABDOMEN, wider]


def test_direct_map_is_preferred_to_a_longer_way() -> None:
    other = Coding(SNOMED_CT, "16310003")
    found = translate(
        terminology((LOCAL, UABDO, E.EQUAL), (UABDO, other, E.EQUAL), (LOCAL, ABDOMEN, E.EQUAL)), LOCAL, SNOMED_CT
    )
    assert [translation.target for translation in found] == [ABDOMEN]


def test_maps_that_go_in_a_circle_end() -> None:
    back = Coding(SITE, "U44")
    circle = terminology((LOCAL, UABDO, E.EQUAL), (UABDO, back, E.EQUAL), (back, LOCAL, E.EQUAL))
    assert translate(circle, LOCAL, SNOMED_CT) == ()


def test_chain_is_bounded() -> None:
    steps = [Coding(f"urn:{step}", "x") for step in range(8)]
    long = terminology(*((a, b, E.EQUAL) for a, b in zip(steps, steps[1:], strict=False)))
    assert translate(long, steps[0], "urn:4")
    assert translate(long, steps[0], "urn:5") == ()


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        (E.EQUAL, E.EQUAL, E.EQUAL),
        (E.EQUAL, E.EQUIVALENT, E.EQUIVALENT),
        (E.EQUIVALENT, E.WIDER, E.WIDER),
        (E.WIDER, E.EQUAL, E.WIDER),
        (E.WIDER, E.WIDER, E.WIDER),
        (E.WIDER, E.NARROWER, E.INEXACT),
        (E.NARROWER, E.RELATED, E.RELATED),
        (E.INEXACT, E.EQUAL, E.INEXACT),
    ],
)
def test_two_steps_are_never_closer_than_either(first: Equivalence, second: Equivalence, whole: Equivalence) -> None:
    assert compose(first, second) is whole
