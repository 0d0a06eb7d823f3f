"""Translate a code into another system through as many concept maps as it takes, and keep the chain.

A site's own exam code becomes a NICIP code, and that a SNOMED CT concept; a reader must be able to see each step.
FHIR R4 $translate: https://hl7.org/fhir/R4/conceptmap-operation-translate.html.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from terminology.codes import Coding
from terminology.concept_maps import Equivalence
from terminology.port import TerminologySource

# A chain of maps longer than this is a mistake in the maps.
HOPS_MAX = 4


@dataclass(frozen=True, slots=True)
class Translation:
    """How a code was translated: the codings passed through, the first being the one asked about."""

    chain: tuple[Coding, ...]
    equivalence: Equivalence
    origins: tuple[str, ...]

    @property
    def target(self) -> Coding:
        """The coding arrived at."""
        return self.chain[-1]


def translate(source: TerminologySource, coding: Coding, to_system: str) -> tuple[Translation, ...]:
    """Return every shortest way from `coding` to a code of `to_system`, the closest in meaning first; () if none.

    A coding that is of that system already is its own translation. A code is never passed twice.
    """
    start = Translation((coding,), Equivalence.EQUAL, ())
    found: list[Translation] = [start] if coding.system == to_system else []
    waiting = deque([] if found else [start])
    while waiting:
        path = waiting.popleft()
        if len(path.origins) >= HOPS_MAX or (found and len(path.chain) >= len(found[0].chain)):
            break
        for step in _steps(source, path):
            (found if step.target.system == to_system else waiting).append(step)
    return tuple(sorted(found, key=_closeness))


def _steps(source: TerminologySource, path: Translation) -> Iterable[Translation]:
    for mapping in source.find_mappings(path.target):
        if mapping.target not in path.chain:
            yield Translation(
                (*path.chain, mapping.target),
                compose(path.equivalence, mapping.equivalence),
                (*path.origins, mapping.origin),
            )


_CLOSENESS = {equivalence: rank for rank, equivalence in enumerate(Equivalence)}
_SAME = frozenset({Equivalence.EQUAL, Equivalence.EQUIVALENT})


def _closeness(translation: Translation) -> tuple[int, str]:
    return _CLOSENESS[translation.equivalence], translation.target.code


def compose(first: Equivalence, second: Equivalence) -> Equivalence:
    """Return how the end of two steps relates to the start: never closer than either step is."""
    if first in _SAME and second in _SAME:
        return max(first, second, key=_CLOSENESS.__getitem__)
    if first in _SAME or first == second:
        return second
    if second in _SAME:
        return first
    opposite = {first, second} == {Equivalence.WIDER, Equivalence.NARROWER}
    return Equivalence.INEXACT if opposite else max(first, second, key=_CLOSENESS.__getitem__)
