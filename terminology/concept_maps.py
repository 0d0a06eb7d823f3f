"""Concept maps: what a code of one system is in another (FHIR R4 ConceptMap, https://hl7.org/fhir/R4/conceptmap.html)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from terminology.codes import Coding


class Equivalence(StrEnum):
    """How the target relates to the source (https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html)."""

    EQUAL = "equal"
    EQUIVALENT = "equivalent"
    WIDER = "wider"
    NARROWER = "narrower"
    RELATED = "relatedto"
    INEXACT = "inexact"


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of a concept map. `origin` names the map, so that a translation can be traced."""

    source: Coding
    target: Coding
    equivalence: Equivalence
    origin: str


@dataclass(frozen=True)
class ConceptMap:
    """The mappings of one published or agreed map."""

    url: str
    version: str
    mappings: tuple[Mapping, ...]

    @classmethod
    def of(cls, url: str, version: str, pairs: Iterable[tuple[Coding, Coding, Equivalence]]) -> ConceptMap:
        """Make one from (source, target, equivalence)."""
        return cls(url, version, tuple(Mapping(s, t, e, url) for s, t, e in pairs))
