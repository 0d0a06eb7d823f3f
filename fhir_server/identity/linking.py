"""Source identities to regional Patients: who belongs together follows from what is known, not from when it came.

A verified NHS number with an equal birth date makes one Patient; an identity without them, or one that contradicts
itself, is a Patient of its own. Merges then lead from one identity to another (design section 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fhir_server.composition.patient import Member, PatientState
from fhir_server.identity.facts import read_facts, with_facts
from fhir_server.identity.merges import conflict_id, follow, merged_into
from fhir_server.storage import business_keys, contributions, identities
from fhir_server.storage.contribution_rows import Identity, Name
from fhir_server.storage.unit_of_work import UnitOfWork

#: The namespace of regional persons in business keys: NHS number and birth date.
PERSON = "urn:x-imaging-record:person"


@dataclass
class Relinked:
    """What linking changed: identities whose clinical resources have another patient now, and Patients to compose."""

    moved: set[Name] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    changed: dict[Name, tuple[Identity | None, Identity]] = field(default_factory=dict)


def relink(uow: UnitOfWork, touched: Iterable[Name], custodian: str, message_id: str = "") -> Relinked:
    """Resolve anew the identities about which something was said, and all that were merged into them.

    An identity that is not known yet is made, in the custody of `custodian`.
    """
    names = set(touched)
    before = {name: identities.find(uow.connection, name) for name in merged_into(uow, names)}
    linked = Relinked()
    for name in sorted(before):
        old = before[name]
        identity = _at_home(uow, old or Identity(name, custodian), fresh=name in names)
        linked.patients |= {identity.home_patient_id} | ({old.home_patient_id} if old else set())
        if old is None or _facts(old) != _facts(identity):
            linked.changed[name] = (old, identity)
    for name in sorted(before):
        _resolve(uow, name, before[name], linked)
    for old, identity in linked.changed.values():
        _check(uow, old, identity, linked, message_id)
        _retire(uow, old, identity)
    linked.patients -= {""}
    return linked


def _facts(identity: Identity) -> tuple[str, str, bool]:
    return identity.nhs_number, identity.birth_date, identity.contradicts_itself


def _check(uow: UnitOfWork, old: Identity | None, identity: Identity, linked: Relinked, message_id: str) -> None:
    """Open and close conflicts after an identity's facts changed."""
    for number in sorted({identity.nhs_number, old.nhs_number if old else ""} - {""}):
        linked.patients |= _check_number(uow, number, message_id, is_new=old is None)
    if identity.contradicts_itself or (old and old.contradicts_itself):
        _check_contradiction(uow, identity, message_id)


def _at_home(uow: UnitOfWork, identity: Identity, *, fresh: bool) -> Identity:
    """The identity with its facts and the Patient that they give it."""
    if fresh:
        said = contributions.of_names(uow.connection, "Patient", [identity.name])
        identity = with_facts(identity, read_facts(said))
        owners = [c for c in said if c.authoritative and c.custodian]
        if owners:
            identity = replace(identity, custodian=min(owners, key=lambda c: (c.event_time, c.custodian)).custodian)
    home = _home_patient(uow, identity)
    identity = replace(identity, home_patient_id=home, patient_id=identity.patient_id or home)
    identities.save(uow.connection, identity)
    return identity


def group_of(identity: Identity) -> Name:
    """The regional person that the identity's own demographics give."""
    if identity.is_linkable:
        return Name(PERSON, f"{identity.nhs_number}:{identity.birth_date}")
    return identity.name


def _home_patient(uow: UnitOfWork, identity: Identity) -> str:
    """The logical id of the identity's person. A Patient of one identity keeps its id when its person changes."""
    group, old = group_of(identity), identity.home_patient_id
    found = business_keys.find_id(uow.connection, "Patient", group)
    if found is not None:
        return found
    if old and identities.count_at_home(uow.connection, old, identity.name) == 0:
        for key in business_keys.names_of(uow.connection, "Patient", old):
            business_keys.forget(uow.connection, "Patient", key)
        return business_keys.create_id(uow.connection, "Patient", group, old)[0]
    return business_keys.create_id(uow.connection, "Patient", group)[0]


def _resolve(uow: UnitOfWork, name: Name, old: Identity | None, linked: Relinked) -> None:
    """Follow the identity's merges, and note what moves."""
    identity = identities.find(uow.connection, name)
    assert identity is not None  # noqa: S101 - saved by _at_home
    end = follow(uow, identity)
    now = replace(identity, patient_id=end.home_patient_id or identity.home_patient_id, merged=end.name != name)
    if now != identity:
        identities.save(uow.connection, now)
    linked.patients |= {now.patient_id} | ({old.patient_id} if old else set())
    if old is None or old.patient_id != now.patient_id:
        linked.moved.add(name)


def _check_number(uow: UnitOfWork, number: str, message_id: str, *, is_new: bool) -> set[str]:
    """One NHS number with two birth dates is a conflict; the Patients that carry the number."""
    holders = [i for i in identities.of_nhs_number(uow.connection, number) if i.is_linkable]
    about = conflict_id("birth-date", number)
    if len({i.birth_date for i in holders}) > 1:
        _open(uow, about, "birth-date", holders[0], message_id)
    elif not is_new:
        identities.close_conflict(uow.connection, about, uow.now)
    return {i.home_patient_id for i in holders}


def _check_contradiction(uow: UnitOfWork, identity: Identity, message_id: str) -> None:
    about = conflict_id("nhs-number-changed", "|".join(identity.name))
    if identity.contradicts_itself:
        _open(uow, about, "nhs-number-changed", identity, message_id)
    else:
        identities.close_conflict(uow.connection, about, uow.now)


def _open(uow: UnitOfWork, about: str, kind: str, identity: Identity, message_id: str) -> None:
    values = {
        "conflict_id": about, "kind": kind, **identity.name._asdict(), "patient_id": identity.home_patient_id,
        "message_id": message_id, "opened_at": uow.now,
    }  # fmt: skip
    identities.open_conflict(uow.connection, values)


def _retire(uow: UnitOfWork, old: Identity | None, now: Identity) -> None:
    """A Patient to whom nobody belongs any more says where to look instead."""
    if old is None or now.home_patient_id == old.home_patient_id:
        return
    identities.unretire_patient(uow.connection, now.home_patient_id)
    if identities.count_at_home(uow.connection, old.home_patient_id, old.name) == 0:
        identities.retire_patient(uow.connection, old.home_patient_id, now.home_patient_id, uow.now)


def patient_state(uow: UnitOfWork, patient_id: str) -> PatientState:
    """What the regional Patient consists of now."""
    found = identities.of_patient(uow.connection, patient_id)
    said = contributions.of_names(uow.connection, "Patient", [i.name for i in found])
    members = tuple(Member(i, tuple(c for c in said if c.key == i.name)) for i in found)
    state = PatientState(patient_id, members)
    if not members:
        replacement = identities.replacement_of(uow.connection, patient_id)
        return replace(state, replaced_by=(replacement,) if replacement else ())
    if not state.at_home:
        return replace(state, replaced_by=tuple(sorted({m.identity.patient_id for m in members} - {patient_id})))
    return replace(state, replaces=_replaced(uow, state), conflict=_conflict(uow, state))


def _replaced(uow: UnitOfWork, state: PatientState) -> tuple[str, ...]:
    """The Patients whose every identity was merged away, at least one of them into this one, and the retired ones."""
    homes = {m.identity.home_patient_id for m in state.merged_in} - {state.patient_id}
    gone = {home for home in homes if all(_left(i, home) for i in identities.of_patient(uow.connection, home))}
    return tuple(sorted(gone | set(identities.replaced_by(uow.connection, state.patient_id))))


def _left(identity: Identity, home: str) -> bool:
    return identity.home_patient_id != home or identity.merged


def _conflict(uow: UnitOfWork, state: PatientState) -> str:
    live = [m.identity for m in state.at_home]
    if any(i.contradicts_itself for i in live):
        return "nhs-number-changed"
    for number in sorted({i.nhs_number for i in live if i.is_linkable}):
        if len({i.birth_date for i in identities.of_nhs_number(uow.connection, number) if i.is_linkable}) > 1:
            return "birth-date"
    return ""
