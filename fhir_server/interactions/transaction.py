"""transaction: all entries or none (https://hl7.org/fhir/R4/http.html#trules).

Writes run in the specification's order (DELETE, POST, PUT) in one database transaction, with references between
entries and conditional references resolved first; reads run after the commit and see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fhir_server.errors import BadRequest, Conflict, MethodNotAllowed, PreconditionFailed, RecordError
from fhir_server.fhir.documents import Document
from fhir_server.interactions.bundle_entries import BundleEntry, at_entry
from fhir_server.interactions.conditions import find_match, lock_name, parse_criteria
from fhir_server.interactions.create import Written, create_in_tx, require_type_matches
from fhir_server.interactions.delete import delete_in_tx
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.references import conditional_references, links_to, settle_references
from fhir_server.interactions.update import require_same_id, update_in_tx
from fhir_server.interactions.write import require_known_type, require_valid
from fhir_server.storage.database import Connection
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.resources import FoundVersion
from fhir_server.storage.unit_of_work import UnitOfWork

Result = TypeVar("Result")

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}


@dataclass(frozen=True)
class EntryResult:
    """What one write entry came to; `version` is None when a DELETE found nothing."""

    status: int
    version: FoundVersion | None


def transaction(exchange: Exchange, entries: Sequence[BundleEntry]) -> dict[int, EntryResult]:
    """Carry out the write entries; the result is by entry position. Any error refuses them all and names the entry."""
    for entry in entries:
        _require_understood(entry)
    writes = sorted((e for e in entries if e.method in _ORDER), key=lambda e: (_ORDER[e.method], e.position))
    for entry in writes:
        _check(entry, exchange.record.settings.validation_level)
    _require_distinct(writes)
    record = exchange.record

    def work(connection: Connection) -> dict[int, EntryResult]:
        uow = record.storage.unit_of_work(connection)
        run = _Transaction(exchange, uow, writes)
        results = run.run()
        for action in ("C", "U", "D", "R"):
            versions = [r.version for p, r in results.items() if r.version and run.action(p, r) == action]
            if versions:
                exchange.account_in_tx(uow.connection, versions, action)
        return results

    return record.database.write(work)


class _Transaction:
    """One run of the writes in one database transaction."""

    def __init__(self, exchange: Exchange, uow: UnitOfWork, writes: Sequence[BundleEntry]) -> None:
        self.exchange = exchange
        self.uow = uow
        self.writes = writes
        self.matched: dict[int, FoundVersion] = {}
        self.ids: dict[int, str] = {}

    def run(self) -> dict[int, EntryResult]:
        self._take_locks()
        results = {e.position: self._named(e, self._delete) for e in self.writes if e.method == "DELETE"}
        for entry in self.writes:
            if entry.method != "DELETE":
                self.ids[entry.position] = self._named(entry, self._place)
        known: dict[str, str] = {}
        for entry in self.writes:
            if entry.full_url and entry.position in self.ids:
                known |= links_to(entry.full_url, self.ids[entry.position])
        for entry in self.writes:
            if entry.method != "DELETE":
                results[entry.position] = self._named(entry, lambda e: self._store(e, known))
        return results

    def action(self, position: int, result: EntryResult) -> str:
        """What the audit calls an entry's outcome; a conditional create that matched has only read."""
        return "R" if position in self.matched else {201: "C", 200: "U", 204: "D"}[result.status]

    def _take_locks(self) -> None:
        """All named locks at once and in one order, so that transactions with several conditions never deadlock."""
        names = [
            lock_name(e.resource_type, parse_criteria(e.if_none_exist))
            for e in self.writes
            if e.if_none_exist is not None
        ]
        self.uow.lock(*names)

    def _named(self, entry: BundleEntry, step: Callable[[BundleEntry], Result]) -> Result:
        """Run a step; an error of it names the entry."""
        try:
            return step(entry)
        except RecordError as error:
            raise at_entry(entry, error) from error

    def _place(self, entry: BundleEntry) -> str:
        """`Type/id` that the entry's resource will have; a conditional create that matches has its match's."""
        if entry.method == "PUT":
            return f"{entry.resource_type}/{entry.resource_id}"
        if entry.if_none_exist is not None:
            match = find_match(self.exchange, self.uow, entry.resource_type, parse_criteria(entry.if_none_exist))
            if match is not None:
                self.matched[entry.position] = FoundVersion(
                    match.resource_type, match.resource_id, match.version_id, match.last_updated, "",
                    match.patient_ids, match.custodian, match.body,
                )  # fmt: skip
                return f"{match.resource_type}/{match.resource_id}"
        return f"{entry.resource_type}/{new_resource_id()}"

    def _delete(self, entry: BundleEntry) -> EntryResult:
        assert entry.resource_id is not None
        return EntryResult(
            204, delete_in_tx(self.exchange, self.uow, entry.resource_type, entry.resource_id, entry.precondition)
        )

    def _store(self, entry: BundleEntry, known: dict[str, str]) -> EntryResult:
        if entry.position in self.matched:
            return EntryResult(200, self.matched[entry.position])
        assert entry.document is not None
        links = known | self._conditional(entry.document)
        document = settle_references(entry.document, self.exchange.base_url, links)
        resource_id = self.ids[entry.position].partition("/")[2]
        if entry.method == "PUT":
            return _result(update_in_tx(self.exchange, self.uow, resource_id, document, entry.precondition))
        return _result(create_in_tx(self.exchange, self.uow, document, None, resource_id))

    def _conditional(self, document: Document) -> dict[str, str]:
        """Conditional references and what each one matches; PreconditionFailed (412) unless that is one resource."""
        found: dict[str, str] = {}
        for reference in conditional_references(document.content):
            kind, _, criteria = reference.partition("?")
            require_known_type(kind)
            match = find_match(self.exchange, self.uow, kind, parse_criteria(criteria))
            if match is None:
                raise PreconditionFailed(f"A conditional reference to a {kind} matches nothing.")
            found[reference] = f"{kind}/{match.resource_id}"
        return found


def _require_understood(entry: BundleEntry) -> None:
    if entry.problem is not None:
        raise entry.problem
    if entry.method == "PATCH":
        raise at_entry(entry, MethodNotAllowed("PATCH is not offered in a Bundle.", "http.method"))


def _check(entry: BundleEntry, level: str) -> None:
    """What can be known of an entry before the database transaction starts."""
    try:
        require_known_type(entry.resource_type)
        if entry.method in ("PUT", "DELETE") and entry.resource_id is None:
            raise BadRequest(f"A conditional {entry.method} is not offered; name the id.", "http.url")
        if entry.method == "POST" and entry.resource_id is not None:
            raise BadRequest("A POST names the type only.", "http.url")
        if entry.if_none_exist is not None:
            parse_criteria(entry.if_none_exist)
        if entry.document is not None:
            require_type_matches(entry.document, entry.resource_type)
            if entry.method == "PUT" and entry.resource_id is not None:
                require_same_id(entry.document, entry.resource_id)
            require_valid(entry.document, entry.resource_type, level)
    except RecordError as error:
        raise at_entry(entry, error) from error


def _require_distinct(writes: Sequence[BundleEntry]) -> None:
    """No resource twice in one transaction, whether by address or by condition."""
    seen: dict[tuple[str, str], int] = {}
    for entry in writes:
        if entry.resource_id is not None:
            key = (entry.resource_type, entry.resource_id)
        elif entry.if_none_exist is not None:
            key = (entry.resource_type, lock_name(entry.resource_type, parse_criteria(entry.if_none_exist)))
        else:
            continue
        if key in seen:
            raise Conflict("Two entries of the transaction write the same resource.", entry.path)
        seen[key] = entry.position


def _result(written: Written) -> EntryResult:
    return EntryResult(written.status, written.version)
