"""What every source of terminology must answer, whatever holds it: run over the one in memory, the reference."""

from __future__ import annotations

import pytest

from terminology.codes import CodeSystem, Coding, Concept, ValueSet
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.memory import MemoryTerminology
from terminology.port import TerminologySource
from terminology.systems import NICIP, SNOMED_CT

SITE = "urn:x-imaging-record:RX1-ris:exam-code"
LOCAL = Coding(SITE, "0U34", "US abdo")
UABDO = Coding(NICIP, "UABDO", "US Abdomen")
ABDOMEN = Coding(SNOMED_CT, "45036003")

CODE_SYSTEMS = (
    CodeSystem.of(NICIP, "1", [Concept(UABDO), Concept(Coding(NICIP, "OLD"), active=False)]),
    CodeSystem.of(SITE, "1", [Concept(LOCAL)], complete=False),
)
CONCEPT_MAPS = (
    ConceptMap.of("urn:a", "1", [(LOCAL, UABDO, Equivalence.EQUIVALENT)]),
    ConceptMap.of("urn:b", "1", [(LOCAL, ABDOMEN, Equivalence.WIDER), (UABDO, ABDOMEN, Equivalence.EQUAL)]),
)
VALUE_SETS = (ValueSet("urn:v", frozenset({UABDO})),)


class TerminologySourceContract:
    """Give `source` a fixture that holds CODE_SYSTEMS, CONCEPT_MAPS and VALUE_SETS."""

    def test_known_concept_is_found_with_its_display_and_state(self, source: TerminologySource) -> None:
        found = source.find_concept(NICIP, "UABDO")
        retired = source.find_concept(NICIP, "OLD")
        assert found is not None
        assert (found.coding.display, found.active) == ("US Abdomen", True)
        assert retired is not None
        assert not retired.active

    def test_codes_are_matched_exactly(self, source: TerminologySource) -> None:
        assert source.find_concept(NICIP, "uabdo") is None
        assert source.find_concept(SITE, "U34") is None
        assert source.find_concept(SNOMED_CT, "UABDO") is None

    def test_completeness_is_told_per_system(self, source: TerminologySource) -> None:
        assert [source.is_complete(system) for system in (NICIP, SITE, SNOMED_CT)] == [True, False, False]

    def test_mappings_of_all_maps_are_found_from_the_source_side(self, source: TerminologySource) -> None:
        found = {(mapping.target, mapping.equivalence, mapping.origin) for mapping in source.find_mappings(LOCAL)}
        assert found == {(UABDO, Equivalence.EQUIVALENT, "urn:a"), (ABDOMEN, Equivalence.WIDER, "urn:b")}
        assert not source.find_mappings(ABDOMEN)

    def test_membership_is_yes_no_or_unknown(self, source: TerminologySource) -> None:
        assert source.is_member("urn:v", UABDO) is True
        assert source.is_member("urn:v", LOCAL) is False
        assert source.is_member("urn:unknown", UABDO) is None


class TestMemoryTerminology(TerminologySourceContract):
    @pytest.fixture
    def source(self) -> TerminologySource:
        return MemoryTerminology(CODE_SYSTEMS, CONCEPT_MAPS, VALUE_SETS)
