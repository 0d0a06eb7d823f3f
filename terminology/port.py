"""The port through which terminology is read: storage fills it from tables, `memory` from what was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from terminology.codes import Coding, Concept
from terminology.concept_maps import Mapping


class TerminologySource(Protocol):
    """What any store of terminology answers."""

    def find_concept(self, system: str, code: str) -> Concept | None:
        """Return the concept, or None if the code is not known here."""

    def is_complete(self, system: str) -> bool:
        """Whether a code of this system that is not found does not exist."""

    def find_mappings(self, coding: Coding) -> Sequence[Mapping]:
        """Return the mappings that start at this coding, of all concept maps."""

    def is_member(self, value_set: str, coding: Coding) -> bool | None:
        """Whether the coding is in the value set; None if the value set is not known here."""
