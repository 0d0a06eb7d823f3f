"""Reverse a merge exactly: the loser's clinical resources go back, both Patients are as if it had never been."""

from __future__ import annotations

from fhir_server.composition.recompose import Recomposition
from fhir_server.identity.linking import patient_state, relink
from fhir_server.identity.merges import reverse_merge
from fhir_server.storage import contributions
from fhir_server.storage.contribution_rows import Name
from fhir_server.storage.unit_of_work import Storage, StoredVersion, UnitOfWork


def unmerge(storage: Storage, survivor: Name, loser: Name) -> list[StoredVersion]:
    """Take the merge of `loser` into `survivor` (identifier system and value) out of force, in one transaction.

    Raises NotFound when there is no such merge.
    """
    return storage.database.write(lambda connection: _unmerge(storage.unit_of_work(connection), survivor, loser))


def _unmerge(uow: UnitOfWork, survivor: Name, loser: Name) -> list[StoredVersion]:
    uow.lock(*lock_names([survivor, loser]))
    reverse_merge(uow, survivor, loser)
    return recompose_identities(uow, {survivor, loser}, "")


def recompose_identities(uow: UnitOfWork, names: set[Name], custodian: str) -> list[StoredVersion]:
    """Resolve the identities anew and compose whatever that changes."""
    linked = relink(uow, names, custodian)
    things = {thing for name in linked.moved for thing in contributions.of_subject(uow.connection, name)}
    states = [patient_state(uow, patient_id) for patient_id in sorted(linked.patients)]
    return Recomposition(uow).run(things, states)


def lock_names(names: list[Name]) -> list[str]:
    """The names under which transactions that touch these identities exclude each other."""
    return [f"Patient|{name.system}|{name.value}" for name in names]
