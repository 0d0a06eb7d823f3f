"""Codes: one code in one system, and what its code system says about it.

FHIR R4 Coding (https://hl7.org/fhir/R4/datatypes.html#Coding), CodeSystem and ValueSet
(https://hl7.org/fhir/R4/terminology-module.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Coding:
    """A code and the system that gives it meaning. Two codings are the same when both agree, whatever the display."""

    system: str
    code: str
    display: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Concept:
    """What a code system says about one of its codes; an inactive concept may be read and not be newly recorded."""

    coding: Coding
    active: bool = True
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)


@dataclass(frozen=True)
class CodeSystem:
    """A code system as loaded. `complete` says that a code which is not here does not exist."""

    url: str
    version: str
    concepts: Mapping[str, Concept]
    complete: bool = True

    @classmethod
    def of(cls, url: str, version: str, concepts: Iterable[Concept], *, complete: bool = True) -> CodeSystem:
        """Make one; raise ValueError for a concept of another system or two concepts with one code."""
        by_code: dict[str, Concept] = {}
        for concept in concepts:
            if concept.coding.system != url or concept.coding.code in by_code:
                raise ValueError(f"{concept.coding.code} is twice in {url}, or belongs to another system")
            by_code[concept.coding.code] = concept
        return cls(url, version, MappingProxyType(by_code), complete)


@dataclass(frozen=True)
class ValueSet:
    """A list of codings that an element may take."""

    url: str
    codings: frozenset[Coding]

    def __contains__(self, coding: Coding) -> bool:
        return coding in self.codings
