"""Patient, the regional person, from the source identities that resolve to it (https://hl7.org/fhir/R4/patient.html).

A Patient whose identities were all merged away is inactive and says who replaced it; the survivor keeps the merged
numbers with use `old`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.composition.layers import identity_of, in_force, overlay
from fhir_server.storage.contribution_rows import Contribution, Identity

CONFLICT_EXTENSION = "urn:x-imaging-record:identity-conflict"


@dataclass(frozen=True)
class Member:
    """One identity of a regional Patient, with all that was said of it."""

    identity: Identity
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True)
class PatientState:
    """What a regional Patient consists of. `replaces` and `replaced_by` are logical ids; `conflict` is a kind or ""."""

    patient_id: str
    members: tuple[Member, ...] = ()
    replaced_by: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()
    conflict: str = ""

    @property
    def at_home(self) -> list[Member]:
        """The identities that belong here and were not merged into another."""
        return [m for m in self.members if m.identity.home_patient_id == self.patient_id and not m.identity.merged]

    @property
    def merged_in(self) -> list[Member]:
        return [m for m in self.members if m.identity.merged and m.identity.patient_id == self.patient_id]

    @property
    def merged_away(self) -> list[Member]:
        return [m for m in self.members if m.identity.merged and m.identity.home_patient_id == self.patient_id]


def compose_patient(state: PatientState) -> dict[str, Any]:
    """The Patient's content; references still are keys, links already are ids."""
    live = state.at_home
    own = live or state.merged_away
    others = state.merged_in if live else []
    content = overlay(_layers(others) + _layers(own))
    content["active"] = bool(live)
    content["identifier"] = _identifiers(own, others)
    if len({m.identity.custodian for m in own}) > 1:
        content.pop("managingOrganization", None)
    links = _links(state)
    if links:
        content["link"] = links
    if state.conflict:
        flag = {"url": CONFLICT_EXTENSION, "valueCode": state.conflict}
        content["extension"] = [*(content.get("extension") or ()), flag]
    return {k: v for k, v in content.items() if v != []}


def _layers(members: Sequence[Member]) -> list[Contribution]:
    return in_force(c for m in members for c in m.contributions)


def _identifiers(own: Sequence[Member], others: Sequence[Member]) -> list[dict[str, Any]]:
    """The numbers as each identity's source gives them now, and those of merged identities as old ones."""
    found: dict[str, dict[str, Any]] = {}
    for member in own:
        for identifier in _current_identifiers(member):
            found.setdefault(identity_of(identifier), identifier)
    for member in others:
        for identifier in _current_identifiers(member):
            found.setdefault(identity_of(identifier), identifier | {"use": "old"})
    return [found[key] for key in sorted(found)]


def _current_identifiers(member: Member) -> list[dict[str, Any]]:
    layers = [c for c in in_force(member.contributions) if c.content.get("identifier")]
    return list(layers[-1].content["identifier"]) if layers else []


def _links(state: PatientState) -> list[dict[str, Any]]:
    kinds = (("replaced-by", state.replaced_by), ("replaces", state.replaces), ("seealso", state.see_also))
    return [
        {"other": {"reference": f"Patient/{other}"}, "type": kind} for kind, others in kinds for other in sorted(others)
    ]
