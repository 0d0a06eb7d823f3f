"""Compose again what changed contributions touch, and store what came out different, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_server.composition.compose import compose, owner_of
from fhir_server.composition.groups import Groups
from fhir_server.composition.names import strength
from fhir_server.composition.patient import compose_patient
from fhir_server.composition.references import resolve
from fhir_server.errors import Conflict
from fhir_server.fhir.documents import make_document
from fhir_server.interactions.write import delete_resource, store_resource
from fhir_server.storage import contributions, feeds
from fhir_server.storage.contribution_rows import Contribution, Name
from fhir_server.storage.unit_of_work import StoredVersion, UnitOfWork

Thing = tuple[str, Name]

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
        self._groups = Groups(uow)
        self._custodians: dict[str, str] = {}
        self._again: set[Thing] = set()
        self.versions: list[StoredVersion] = []

    def run(self, things: Iterable[Thing], patients: Iterable[Any] = ()) -> list[StoredVersion]:
        """Compose the Patients (`PatientState`s), then the things, then what referred to something that moved."""
        for state in patients:
            self._store("Patient", state.patient_id, compose_patient(state), "")
        waiting = set(things)
        for _ in range(_ROUNDS_MAX):
            if not waiting:
                return self.versions
            for resource_type, name in sorted(self._affected(waiting), key=_place):
                self._compose(resource_type, name)
            waiting, self._again = self._again, set()
        raise Conflict("What refers to each other here never comes to rest.")

    def _affected(self, things: Iterable[Thing]) -> set[Thing]:
        by_type: dict[str, set[Name]] = {}
        for resource_type, name in things:
            by_type.setdefault(resource_type, set()).add(name)
        return {(t, name) for t, names in by_type.items() for name in self._groups.affected(t, sorted(names))}

    def _compose(self, resource_type: str, name: Name) -> None:
        gathered = self._groups.gather(resource_type, name)
        content = compose(resource_type, gathered)
        if content is None:
            self._give_up(resource_type, name)
            return
        resource_id = self._resource_id(resource_type, name, gathered)
        self._store(
            resource_type,
            resource_id,
            content,
            self._custodian(owner_of(gathered)),
            self._groups.patient_of_all(gathered),
        )

    def _resource_id(self, resource_type: str, name: Name, gathered: list[Contribution]) -> str:
        """The key's id. A thing that gets its first strong name keeps the id it had under a weaker one."""
        found = contributions.find_resource_id(self._connection, resource_type, name)
        if found is not None:
            return found
        for alias in sorted({a for c in gathered for a in c.aliases}, key=lambda a: strength(resource_type, a)):
            former = contributions.find_resource_id(self._connection, resource_type, alias)
            if former is None:
                continue
            if not self._groups.gather(resource_type, alias):
                contributions.forget_key(self._connection, resource_type, alias)
                return contributions.get_or_create_resource_id(self._connection, resource_type, name, former)
        # Whoever refers to a weaker name may mean this new thing too.
        aliases = {alias for c in gathered for alias in c.aliases}
        self._again |= contributions.referrers(self._connection, resource_type, aliases)
        return contributions.get_or_create_resource_id(self._connection, resource_type, name)

    def _give_up(self, resource_type: str, name: Name) -> None:
        """Nothing is said under this key alone any more: its resource ends, and who referred to it is composed anew."""
        resource_id = contributions.find_resource_id(self._connection, resource_type, name)
        if resource_id is None:
            return
        self._again |= contributions.referrers(self._connection, resource_type, [name])
        contributions.forget_key(self._connection, resource_type, name)
        current = self._uow.find_current(resource_type, resource_id, lock=True)
        if current is not None and not current.deleted:
            self.versions.append(delete_resource(self._uow, current))

    def _store(
        self, resource_type: str, resource_id: str, content: dict[str, Any], custodian: str, patient: str = ""
    ) -> None:
        def lookup(target_type: str, target: Name) -> list[str]:
            return self._find(target_type, target, patient)

        document = make_document({"resourceType": resource_type, **resolve(content, lookup)})
        current = self._uow.find_current(resource_type, resource_id, lock=True)
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
        return [contributions.get_or_create_resource_id(self._connection, resource_type, root) for root in roots]

    def _custodian(self, ods: str) -> str:
        if ods and ods not in self._custodians:
            self._custodians[ods] = feeds.custodian_of(self._connection, ods)
        return self._custodians.get(ods, "")


def _place(thing: Thing) -> tuple[int, str, tuple[int, str, str]]:
    resource_type, name = thing
    order = _ORDER.index(resource_type) if resource_type in _ORDER else len(_ORDER)
    return (order, resource_type, strength(resource_type, name))
