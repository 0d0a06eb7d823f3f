"""Which contributions make one resource: those under its key, and those that know it only by a weaker name.

A thing known by an accession number alone joins every study of the same patient that has this number; an accession
number used again for another patient joins nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fhir_server.composition.layers import in_force
from fhir_server.composition.memory import Memory
from fhir_server.storage import identities
from fhir_server.storage.contribution_rows import NOBODY, Contribution, Name, Thing
from fhir_server.storage.unit_of_work import UnitOfWork

_CHAIN_MAX = 4


@dataclass
class Groups:
    """Answers within one transaction; it remembers patients, which do not change while resources are composed."""

    uow: UnitOfWork
    memory: Memory
    _patients: dict[Name, str] = field(default_factory=dict)

    def patient_of(self, subject: Name) -> str:
        """The regional Patient of a source identity; "" for nobody."""
        if subject == NOBODY:
            return ""
        if subject not in self._patients:
            found = identities.find(self.uow.connection, subject)
            self._patients[subject] = found.patient_id if found else ""
        return self._patients[subject]

    def roots(self, resource_type: str, name: Name, patient: str, depth: int = 0) -> list[Name]:
        """The keys of the resources that the name stands for, said of this patient: itself when nothing claims it."""
        found: list[Name] = []
        for key in sorted(self.memory.claims((resource_type, name))) if depth < _CHAIN_MAX else ():
            if self._is_about((resource_type, key), patient):
                found += [root for root in self.roots(resource_type, key, patient, depth + 1) if root not in found]
        return found or [name]

    def _is_about(self, thing: Thing, patient: str) -> bool:
        """Whether what is keyed so is about the patient, or about nobody yet (an archive may not know whom)."""
        own = self.patient_of_all(self.memory.said(thing))
        return not own or not patient or own == patient

    def patient_of_all(self, found: Sequence[Contribution]) -> str:
        """The patient of the strongest contribution that names one."""
        return next((p for c in reversed(in_force(found)) if (p := self.patient_of(c.subject))), "")

    def gather(self, resource_type: str, key: Name) -> list[Contribution]:
        """What makes the resource with this key; empty when all of it belongs to resources with stronger names."""
        own = self.memory.said((resource_type, key))
        if own and self.memory.claims((resource_type, key)):
            own = [c for c in own if self.roots(resource_type, key, self.patient_of(c.subject)) == [key]]
        return own + self._joined(resource_type, key, own) if own else []

    def _joined(self, resource_type: str, key: Name, own: Sequence[Contribution]) -> list[Contribution]:
        aliases = sorted({alias for c in own for alias in c.aliases} - {key})
        patient = self.patient_of_all(own) if aliases else ""
        found = [c for alias in aliases for c in self.memory.said((resource_type, alias))]
        return [c for c in found if key in self.roots(resource_type, c.key, self.patient_of(c.subject) or patient)]

    def affected(self, things: Iterable[Thing]) -> set[Thing]:
        """Every thing that a change under these names may touch; what composing them needs has been read."""
        found = set(things)
        wave = found
        for _ in range(_CHAIN_MAX):
            self.memory.learn(wave)
            wave = {(thing[0], key) for thing in wave for key in self.memory.claims(thing)} - found
            if not wave:
                break
            found |= wave
        self.memory.learn(self.memory.aliases_of(found))
        return found
