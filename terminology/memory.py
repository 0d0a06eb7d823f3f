"""Terminology held in memory: the reference that every other source must agree with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from terminology.codes import CodeSystem, Coding, Concept, ValueSet
from terminology.concept_maps import ConceptMap, Mapping


class MemoryTerminology:
    """A TerminologySource over code systems, concept maps and value sets; immutable once made."""

    def __init__(
        self,
        code_systems: Iterable[CodeSystem] = (),
        concept_maps: Iterable[ConceptMap] = (),
        value_sets: Iterable[ValueSet] = (),
    ) -> None:
        self._code_systems = {system.url: system for system in code_systems}
        self._value_sets = {value_set.url: value_set for value_set in value_sets}
        self._mappings: dict[Coding, list[Mapping]] = {}
        for concept_map in concept_maps:
            for mapping in concept_map.mappings:
                self._mappings.setdefault(mapping.source, []).append(mapping)

    def find_concept(self, system: str, code: str) -> Concept | None:
        """Return the concept, or None."""
        found = self._code_systems.get(system)
        return found.concepts.get(code) if found else None

    def is_complete(self, system: str) -> bool:
        """Whether every code of the system is held."""
        found = self._code_systems.get(system)
        return found is not None and found.complete

    def find_mappings(self, coding: Coding) -> Sequence[Mapping]:
        """Return the mappings from this coding, in the order loaded."""
        return tuple(self._mappings.get(coding, ()))

    def is_member(self, value_set: str, coding: Coding) -> bool | None:
        """Whether the coding is in the value set; None if the value set is unknown."""
        found = self._value_sets.get(value_set)
        return None if found is None else coding in found
