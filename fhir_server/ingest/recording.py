"""What a source says enters the record: contributions, identities, composition, in one open transaction.

The same path for HL7 messages and for what archives hold; only the inbox is the messages' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fhir_server.composition.recompose import Recomposition
from fhir_server.fhir.instants import instant_of
from fhir_server.identity.facts import verified_nhs_number
from fhir_server.identity.linking import patient_state, relink
from fhir_server.identity.merges import IdentityStatement, record_merge
from fhir_server.ingest.statements import Source, contributions_of, mention, patient_name
from fhir_server.storage import business_keys, contributions, identities
from fhir_server.storage.contribution_rows import NOBODY, Contribution, KnownContribution, Name, Thing
from fhir_server.storage.unit_of_work import Storage, StoredVersion, UnitOfWork
from hl7.fragments import Fragment, IdentityEvent

_JOINING = frozenset({"merge", "change-identifier"})


@dataclass
class _Change:
    """What there is to resolve and compose again."""

    things: set[Thing] = field(default_factory=set)
    people: set[Name] = field(default_factory=set)

    def touch(self, said: Iterable[Contribution]) -> None:
        for c in said:
            if c.resource_type == "Patient":
                self.people.add(c.key)
            else:
                self.things |= {(c.resource_type, name) for name in (c.key, *c.aliases)}


def record(
    uow: UnitOfWork,
    fragments: Sequence[Fragment],
    events: Sequence[IdentityEvent],
    source: Source,
    *,
    again: bool = False,
) -> list[StoredVersion]:
    """Take in what a source says and compose what it touches; the versions that came of it.

    `again`: the message was filed before, and what it said then is taken back first. Raises MergeRefused.
    """
    said = contributions_of(fragments, source)
    said += _mentioned_in(events, said, source)
    former = {} if again else contributions.known(uow.connection, [c.contribution_id for c in said if _may_be_known(c)])
    fresh = [c for c in said if not _is_known(c, former.get(c.contribution_id))]
    business_keys.lock_names(uow, _lock_names(fresh, events, source))
    change = _Change()
    if again:
        _take_back(uow, source.message_id, change)
    # Looked for again under the locks: somebody may have said the same meanwhile.
    known = contributions.known(uow.connection, [c.contribution_id for c in fresh if _may_be_known(c)])
    fresh = [c for c in fresh if not _is_known(c, known.get(c.contribution_id))]
    contributions.remove(uow.connection, [c.contribution_id for c in fresh if c.contribution_id in known])
    contributions.add(uow.connection, fresh)
    change.touch(fresh)
    for event in events:
        _record_event(uow, event, source, change)
    return _compose(uow, change, source)


def _mentioned_in(events: Sequence[IdentityEvent], said: list[Contribution], source: Source) -> list[Contribution]:
    known = {c.key for c in said if c.resource_type == "Patient"}
    names = {patient_name(key, source) for event in events for key in (event.survivor, event.loser)} - known
    return [mention("Patient", name, NOBODY, source) for name in sorted(names)]


def _may_be_known(c: Contribution) -> bool:
    """What a message states of a thing is new; a mention, and what an archive states, is often said again."""
    return not (c.authoritative and c.message_id)


def _is_known(c: Contribution, known: KnownContribution | None) -> bool:
    """Whether it says nothing new: a mention made before, or an archive that says what it said already.

    Nothing is locked for these: most of a message's people and places are known.
    """
    if known is None:
        return False
    if c.authoritative:
        return (known.digest == c.digest and known.retracted == c.retracted) or known.event_time > c.event_time
    return (known.event_time, known.message_time) <= (c.event_time, c.message_time)


def _lock_names(said: Iterable[Contribution], events: Iterable[IdentityEvent], source: Source) -> set[str]:
    names: set[str] = set()
    for c in said:
        names |= {f"{c.resource_type}|{name.system}|{name.value}" for name in (c.key, *c.aliases)}
        if c.subject != NOBODY:
            names.add(f"Patient|{c.subject.system}|{c.subject.value}")
        if c.resource_type == "Patient" and (number := verified_nhs_number(c.content)):
            names.add(f"nhs-number|{number}")
    for event in events:
        for name in (patient_name(event.survivor, source), patient_name(event.loser, source)):
            names.add(f"Patient|{name.system}|{name.value}")
    return names


def _take_back(uow: UnitOfWork, message_id: str, change: _Change) -> None:
    former = contributions.of_message(uow.connection, message_id)
    contributions.remove(uow.connection, [c.contribution_id for c in former])
    change.touch(former)
    change.people |= set(identities.forget_events_of_message(uow.connection, message_id))


def _record_event(uow: UnitOfWork, event: IdentityEvent, source: Source, change: _Change) -> None:
    if event.kind not in _JOINING:
        return
    survivor, loser = patient_name(event.survivor, source), patient_name(event.loser, source)
    statement = IdentityStatement(
        event.kind, survivor, loser, source.name, source.message_id, instant_of(source.message_time),
        _may_merge(uow, survivor, loser, source),
    )  # fmt: skip
    record_merge(uow, statement)
    change.people |= {survivor, loser}


def _may_merge(uow: UnitOfWork, survivor: Name, loser: Name, source: Source) -> bool:
    """A source speaks for numbers of one namespace that is its own, or that its trust alone has the custody of."""
    foreign = [name for name in (survivor, loser) if not name.system.startswith(f"{source.issuer}/")]
    if foreign and survivor.system != loser.system:
        return False
    found = [identities.find(uow.connection, name) for name in foreign]
    return all(identity is None or identity.custodian in ("", source.custodian) for identity in found)


def _compose(uow: UnitOfWork, change: _Change, source: Source) -> list[StoredVersion]:
    linked = relink(uow, change.people, source.custodian, source.message_id)
    for name in sorted(linked.moved):
        change.things |= set(contributions.of_subject(uow.connection, name))
    states = [patient_state(uow, patient_id) for patient_id in sorted(linked.patients)]
    return Recomposition(uow).run(change.things, states)


class FragmentRecorder:
    """The record's door for what archives say (`imaging.ports.Recorder`).

    `custodian_of` gives the ODS code of the trust that a source (`pacs:<endpoint id>`) belongs to.
    """

    def __init__(self, storage: Storage, custodian_of: Callable[[str], str]) -> None:
        self._storage = storage
        self._custodian_of = custodian_of

    def record_fragments(self, fragments: Iterable[Fragment], *, source: str, observed_at: datetime) -> None:
        """Take in what an archive says of some things, in one transaction. Repeating it changes nothing."""
        record_fragments(
            self._storage, fragments, source=source, observed_at=observed_at, custodian=self._custodian_of(source)
        )


def record_fragments(
    storage: Storage, fragments: Iterable[Fragment], *, source: str, observed_at: datetime, custodian: str
) -> list[StoredVersion]:
    """What a source other than a message says: as `record`, in a transaction of its own."""
    said = tuple(fragments)
    speaker = Source(source, f"urn:x-imaging-record:{source}", custodian, observed_at)
    return storage.database.write(lambda connection: record(storage.unit_of_work(connection), said, (), speaker))
