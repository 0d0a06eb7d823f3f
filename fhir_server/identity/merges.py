"""Merges of source identities: which are in force, where an identity ends up, and the log (HL7 v2.5.1 chapter 3.6.2).

A merge speaks for the numbers of its own issuer. It never joins two people who have different verified NHS numbers:
such a merge waits on the worklist and takes force by itself when the numbers come to agree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fhir_server.errors import Conflict, NotFound
from fhir_server.storage import identities
from fhir_server.storage.contribution_rows import Identity, Merge, Name
from fhir_server.storage.unit_of_work import UnitOfWork

_CHAIN_MAX = 32


class MergeRefused(Conflict):
    """The merge contradicts what is known; `reason` is a quarantine reason."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class IdentityStatement:
    """What one message says of two identities. `is_own` tells whether a number's namespace is the sender's."""

    kind: str
    survivor: Name
    loser: Name
    source: str
    message_id: str
    event_time: int
    is_own: bool = True


def record_merge(uow: UnitOfWork, statement: IdentityStatement) -> bool:
    """Write the merge into the log; False when it changes nothing (a repetition, or not this issuer's to say).

    Raises MergeRefused for one that would turn back another that is in force.
    """
    connection = uow.connection
    known = identities.merges_of_loser(connection, statement.loser)
    if any(merge.survivor == statement.survivor for merge in known):
        return False
    if statement.loser in _raw_chain(uow, statement.survivor):
        raise MergeRefused("inverse-merge", "The survivor has been merged into the loser before.")
    merge = Merge(
        event_id(statement), statement.kind, statement.survivor, statement.loser, statement.source,
        statement.message_id, statement.event_time,
    )  # fmt: skip
    if not statement.is_own:
        open_merge_conflict(uow, merge, "")
        return False
    identities.add_event(connection, merge, uow.now)
    return True


def event_id(statement: IdentityStatement) -> str:
    parts = (statement.message_id, statement.kind, *statement.survivor, *statement.loser)
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def open_merge_conflict(uow: UnitOfWork, merge: Merge, patient_id: str) -> None:
    """Put a merge that may not take force on the worklist."""
    values = {
        "conflict_id": conflict_id("merge-refused", merge.event_id), "kind": "merge-refused", **merge.loser._asdict(),
        "patient_id": patient_id, "message_id": merge.message_id, "opened_at": uow.now,
    }  # fmt: skip
    identities.open_conflict(uow.connection, values)


def conflict_id(kind: str, about: str) -> str:
    return hashlib.sha256(f"{kind}\x00{about}".encode()).hexdigest()[:32]


def _raw_chain(uow: UnitOfWork, name: Name) -> list[Name]:
    """The identities that this one was merged into, one after the other, in force or waiting."""
    chain: list[Name] = []
    for _ in range(_CHAIN_MAX):
        merges = identities.merges_of_loser(uow.connection, name)
        if not merges or merges[-1].survivor in chain:
            return chain
        name = merges[-1].survivor
        chain.append(name)
    return chain


def follow(uow: UnitOfWork, identity: Identity) -> Identity:
    """Where the identity ends up when its merges are followed, as far as they may take force."""
    current, seen = identity, {identity.name}
    for _ in range(_CHAIN_MAX):
        merges = identities.merges_of_loser(uow.connection, current.name)
        if not merges or merges[-1].survivor in seen:
            return current
        survivor = identities.find(uow.connection, merges[-1].survivor) or Identity(merges[-1].survivor, "")
        if not may_join(identity, survivor):
            open_merge_conflict(uow, merges[-1], identity.home_patient_id)
            return current
        identities.close_conflict(uow.connection, conflict_id("merge-refused", merges[-1].event_id), uow.now)
        current = survivor
        seen.add(current.name)
    return current


def may_join(one: Identity, other: Identity) -> bool:
    """Whether the two may be one person: not when both have verified NHS numbers that differ."""
    return not (one.nhs_number and other.nhs_number and one.nhs_number != other.nhs_number)


def merged_into(uow: UnitOfWork, names: set[Name]) -> set[Name]:
    """Every identity that was merged into one of these, directly or by way of others; these too."""
    found, wave = set(names), set(names)
    for _ in range(_CHAIN_MAX):
        wave = {m.loser for name in wave for m in identities.merges_of_survivor(uow.connection, name)} - found
        if not wave:
            break
        found |= wave
    return found


def reverse_merge(uow: UnitOfWork, survivor: Name, loser: Name) -> None:
    """Take the merge out of force; the log keeps it. Raises NotFound when there is none."""
    merges = [m for m in identities.merges_of_loser(uow.connection, loser) if m.survivor == survivor]
    if not merges:
        raise NotFound("There is no such merge in force.")
    for merge in merges:
        identities.reverse_event(uow.connection, merge.event_id, uow.now)
        identities.close_conflict(uow.connection, conflict_id("merge-refused", merge.event_id), uow.now)
