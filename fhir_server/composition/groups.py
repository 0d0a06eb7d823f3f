"""Which contributions make one resource: those under its key, and those that know it only by a weaker name.

A thing known by an accession number alone joins every study of the same patient that has this number; an accession
number used again for another patient joins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fhir_server.composition.layers import in_force
from fhir_server.storage import contributions, identities
from fhir_server.storage.contribution_rows import NOBODY, Contribution, Name
from fhir_server.storage.unit_of_work import UnitOfWork

_CHAIN_MAX = 4


@dataclass
class Groups:
    """Answers within one transaction; it remembers patients, which do not change while resources are composed."""

    uow: UnitOfWork
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
        claims = sorted({key for _alias, key in self._claims(resource_type, [name])})
        found: list[Name] = []
        for key in claims if depth < _CHAIN_MAX else ():
            if self._is_about(resource_type, key, patient):
                found += [root for root in self.roots(resource_type, key, patient, depth + 1) if root not in found]
        return found or [name]

    def _claims(self, resource_type: str, names: Sequence[Name]) -> set[tuple[Name, Name]]:
        return contributions.stronger_names(self.uow.connection, resource_type, names)

    def _is_about(self, resource_type: str, key: Name, patient: str) -> bool:
        """Whether what is keyed so is about the patient, or about nobody yet (an archive may not know whom)."""
        own = self.patient_of_all(contributions.of_names(self.uow.connection, resource_type, [key]))
        return not own or not patient or own == patient

    def patient_of_all(self, found: Sequence[Contribution]) -> str:
        """The patient of the strongest contribution that names one."""
        return next((p for c in reversed(in_force(found)) if (p := self.patient_of(c.subject))), "")

    def gather(self, resource_type: str, key: Name) -> list[Contribution]:
        """What makes the resource with this key; empty when all of it belongs to resources with stronger names."""
        own = contributions.of_names(self.uow.connection, resource_type, [key])
        if own and self._claims(resource_type, [key]):
            own = [c for c in own if self.roots(resource_type, key, self.patient_of(c.subject)) == [key]]
        return own + self._joined(resource_type, key, own) if own else []

    def _joined(self, resource_type: str, key: Name, own: Sequence[Contribution]) -> list[Contribution]:
        aliases = {alias for c in own for alias in c.aliases}
        patient = self.patient_of_all(own)
        found = contributions.of_names(self.uow.connection, resource_type, aliases - {key})
        return [c for c in found if key in self.roots(resource_type, c.key, self.patient_of(c.subject) or patient)]

    def affected(self, resource_type: str, names: Sequence[Name]) -> set[Name]:
        """The keys of every resource that a change under these names may touch."""
        found = set(names)
        wave = found
        for _ in range(_CHAIN_MAX):
            wave = {key for _alias, key in self._claims(resource_type, sorted(wave))} - found if wave else set()
            found |= wave
        return found
