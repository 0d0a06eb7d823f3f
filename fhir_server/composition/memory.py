"""What one transaction has read of contributions and business keys: each answer is asked for once, many at a time."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_server.storage import business_keys, contributions
from fhir_server.storage.contribution_rows import Contribution, Name, Thing
from fhir_server.storage.unit_of_work import UnitOfWork


class Memory:
    """Contributions are read after the transaction's own were added; ids change through this memory alone."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection
        self._said: dict[Thing, list[Contribution]] = {}
        self._claims: dict[Thing, set[Name]] = {}
        self._ids: dict[Thing, str | None] = {}
        self.new_ids: set[str] = set()

    def learn(self, things: Iterable[Thing], *, said: bool = True) -> None:
        """Read what there is about all of the things at once; `said`: with what was said under their keys."""
        wanted = set(things)
        self._learn_claims(wanted - self._claims.keys())
        self._learn_ids(wanted - self._ids.keys())
        if said:
            self._learn_said(wanted - self._said.keys())

    def _learn_claims(self, things: set[Thing]) -> None:
        if things:
            self._claims |= {thing: set() for thing in things}
            for thing, key in contributions.claims(self._connection, things):
                self._claims[thing].add(key)

    def _learn_ids(self, things: set[Thing]) -> None:
        if things:
            self._ids |= dict.fromkeys(things)
            self._ids |= business_keys.find_ids(self._connection, things)

    def _learn_said(self, things: set[Thing]) -> None:
        if things:
            self._said |= {thing: [] for thing in things}
            for c in contributions.of_things(self._connection, things):
                self._said[c.resource_type, c.key].append(c)

    def said(self, thing: Thing) -> list[Contribution]:
        """What was said under the thing's key."""
        if thing not in self._said:
            self._learn_said({thing})
        return self._said[thing]

    def claims(self, thing: Thing) -> set[Name]:
        """The keys of what is also known by the thing's name."""
        if thing not in self._claims:
            self._learn_claims({thing})
        return self._claims[thing]

    def find_id(self, thing: Thing) -> str | None:
        if thing not in self._ids:
            self._learn_ids({thing})
        return self._ids[thing]

    def get_or_create_id(self, thing: Thing, proposed: str = "") -> str:
        """The thing's logical id; `new_ids` has those that no resource can have yet."""
        found = self.find_id(thing)
        if found is not None:
            return found
        resource_id, is_ours = business_keys.create_id(self._connection, *thing, proposed)
        if is_ours and not proposed:
            self.new_ids.add(resource_id)
        self._ids[thing] = resource_id
        return resource_id

    def forget_id(self, thing: Thing) -> None:
        """The thing has no resource of its own any more."""
        business_keys.forget(self._connection, *thing)
        self._ids[thing] = None

    def aliases_of(self, things: Iterable[Thing]) -> set[Thing]:
        """The other names of what was said under the keys."""
        return {(c.resource_type, alias) for thing in things for c in self.said(thing) for alias in c.aliases}
