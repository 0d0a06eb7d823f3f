"""Compose again what changed contributions touch, and store what came out different, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_server.composition.compose import compose, owner_of
from fhir_server.composition.groups import Groups
from fhir_server.composition.memory import Memory
from fhir_server.composition.names import strength
from fhir_server.composition.patient import PatientState, compose_patient
from fhir_server.composition.references import find_keys, resolve
from fhir_server.errors import Conflict
from fhir_server.fhir.documents import make_document
from fhir_server.interactions.write import delete_resource, store_resource
from fhir_server.storage import contributions, feeds
from fhir_server.storage.contribution_rows import Contribution, Name, Thing
from fhir_server.storage.unit_of_work import StoredVersion, UnitOfWork

#: Referred-to types before those that refer to them, as far as that goes.
_ORDER = (
    "Organization",
    "Practitioner",
    "Encounter",
    "ServiceRequest",
    "ImagingStudy",
    "Observation",
    "DiagnosticReport",
)
_ROUNDS_MAX = 8


class Recomposition:
    """One transaction's composing. `versions` are those it stored."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._connection = uow.connection
        self._memory = Memory(uow)
        self._groups = Groups(uow, self._memory)
        self._custodians: dict[str, str] = {}
        self._again: set[Thing] = set()
        self.versions: list[StoredVersion] = []

    def run(self, things: Iterable[Thing], patients: Iterable[PatientState] = ()) -> list[StoredVersion]:
        """Compose the Patients (`PatientState`s), then the things, then what referred to something that moved."""
        states = list(patients)
        self._memory.learn(
            {
                t
                for s in states
                for t in find_keys([c.content for m in s.members for c in m.contributions])
                if t[0] != "Patient"
            },
            said=False,
        )
        for state in states:
            self._store("Patient", state.patient_id, compose_patient(state), "")
        waiting = set(things)
        for _ in range(_ROUNDS_MAX):
            if not waiting:
                return self.versions
            affected = self._groups.affected(waiting)
            self._learn_targets(affected)
            for resource_type, name in sorted(affected, key=_place):
                self._compose(resource_type, name)
            waiting, self._again = self._again, set()
        raise Conflict("What refers to each other here never comes to rest.")

    def _learn_targets(self, things: Iterable[Thing]) -> None:
        """Read at once what the things refer to."""
        said = [c for thing in things for c in self._memory.said(thing)]
        self._memory.learn({t for c in said for t in find_keys(c.content) if t[0] != "Patient"}, said=False)

    def _compose(self, resource_type: str, name: Name) -> None:
        gathered = self._groups.gather(resource_type, name)
        content = compose(resource_type, gathered)
        if content is None:
            self._give_up((resource_type, name))
            return
        resource_id = self._resource_id((resource_type, name), gathered)
        custodian, patient = self._custodian(owner_of(gathered)), self._groups.patient_of_all(gathered)
        self._store(resource_type, resource_id, content, custodian, patient)

    def _resource_id(self, thing: Thing, gathered: list[Contribution]) -> str:
        """The key's id. A thing that gets its first strong name keeps the id it had under a weaker one."""
        found = self._memory.find_id(thing)
        if found is not None:
            return found
        resource_type = thing[0]
        aliases = sorted({a for c in gathered for a in c.aliases}, key=lambda a: strength(resource_type, a))
        for alias in aliases:
            former = self._memory.find_id((resource_type, alias))
            if former is not None and not self._groups.gather(resource_type, alias):
                self._memory.forget_id((resource_type, alias))
                return self._memory.get_or_create_id(thing, former)
        # Whoever refers to a weaker name may mean this new thing too.
        self._again |= contributions.referrers(self._connection, [(resource_type, alias) for alias in aliases])
        return self._memory.get_or_create_id(thing)

    def _give_up(self, thing: Thing) -> None:
        """Nothing is said under this key alone any more: its resource ends, and who referred to it is composed anew."""
        resource_id = self._memory.find_id(thing)
        if resource_id is None:
            return
        self._again |= contributions.referrers(self._connection, [thing])
        self._memory.forget_id(thing)
        current = self._uow.find_current(thing[0], resource_id, lock=True)
        if current is not None and not current.deleted:
            self.versions.append(delete_resource(self._uow, current))

    def _store(
        self, resource_type: str, resource_id: str, content: dict[str, Any], custodian: str, patient: str = ""
    ) -> None:
        def lookup(target_type: str, target: Name) -> list[str]:
            return self._find(target_type, target, patient)

        document = make_document({"resourceType": resource_type, **resolve(content, lookup)})
        is_new = resource_id in self._memory.new_ids
        self._memory.new_ids.discard(resource_id)
        current = None if is_new else self._uow.find_current(resource_type, resource_id, lock=True)
        stored = store_resource(
            self._uow,
            document,
            resource_id=resource_id,
            method="PUT" if current else "POST",
            custodian=custodian or None,
            composed=True,
            current=current,
        )
        if stored is not None:
            self.versions.append(stored)

    def _find(self, resource_type: str, name: Name, patient: str) -> list[str]:
        """The ids that a key stands for in a resource about this patient."""
        if resource_type == "Patient":
            found = self._groups.patient_of(name)
            return [found] if found else []
        roots = self._groups.roots(resource_type, name, patient)
        return [self._memory.get_or_create_id((resource_type, root)) for root in roots]

    def _custodian(self, ods: str) -> str:
        if ods and ods not in self._custodians:
            self._custodians[ods] = feeds.custodian_of(self._connection, ods)
        return self._custodians.get(ods, "")


def _place(thing: Thing) -> tuple[int, str, tuple[int, str, str]]:
    resource_type, name = thing
    order = _ORDER.index(resource_type) if resource_type in _ORDER else len(_ORDER)
    return (order, resource_type, strength(resource_type, name))
