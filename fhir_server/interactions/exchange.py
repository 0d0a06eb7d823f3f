"""What an interaction works with: the record's services, the caller, and the account of what was disclosed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.predicate import AccessRule, make_access_rule
from fhir_server.audit.disclosure import DisclosedVersion, Disclosure
from fhir_server.audit.recording import record_in_tx
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.search.rows import SearchContext
from fhir_server.settings import Settings
from fhir_server.storage.database import Connection, Database
from fhir_server.storage.resources import FoundVersion, Resources
from fhir_server.storage.unit_of_work import Storage


@dataclass(frozen=True)
class Record:
    """The record's services, one of each per process."""

    settings: Settings
    storage: Storage
    resources: Resources
    spool: DisclosureSpool
    page_key: bytes  # seals page tokens, which can hold a sort value such as a name

    @property
    def database(self) -> Database:
        return self.storage.database


@dataclass
class Exchange:
    """One request: who asks, where we are reachable, and what the answer discloses.

    `base_url` is the FHIR base without a trailing slash. Whoever sends the answer calls `account` first.
    """

    record: Record
    caller: Caller
    base_url: str
    request_id: str = ""
    interaction: str = ""
    action: str = "R"
    query: str = ""
    purpose: str = "TREAT"
    address: str = ""
    asked: str = ""  # `Type/id` of a read
    outcome: str = "0"
    disclosed: list[DisclosedVersion] = field(default_factory=list)

    @cached_property
    def read_rule(self) -> AccessRule:
        return make_access_rule(self.caller, "r")

    @cached_property
    def search_rule(self) -> AccessRule:
        return make_access_rule(self.caller, "s")

    @property
    def search_context(self) -> SearchContext:
        return SearchContext(self.base_url, self.record.settings.search_timezone)

    def disclose(self, versions: Iterable[FoundVersion]) -> None:
        """Note versions that the answer will carry."""
        self.disclosed.extend(
            DisclosedVersion(v.resource_type, v.resource_id, v.version_id, v.patient_ids) for v in versions
        )

    def account(self) -> None:
        """Append the disclosure to the spool; Unavailable (503) when that fails: no account, no answer."""
        if self.disclosed or self.action == "E":
            self.record.spool.append(self.disclosure())
        elif self.asked and self.outcome != "0" and self.caller.caller_id:
            self.query = self.asked  # a read that was refused showed nothing, and somebody tried
            self.record.spool.append(self.disclosure())

    def account_in_tx(self, connection: Connection, versions: Iterable[FoundVersion], action: str) -> None:
        """Account for a write inside its own transaction: both are kept or neither."""
        entries = tuple(DisclosedVersion(v.resource_type, v.resource_id, v.version_id, v.patient_ids) for v in versions)
        record_in_tx(connection, self._disclosure(action, entries))

    def disclosure(self) -> Disclosure:
        """The account of this exchange so far."""
        return self._disclosure(self.action, tuple(self.disclosed))

    def _disclosure(self, action: str, entries: tuple[DisclosedVersion, ...]) -> Disclosure:
        caller = self.caller
        return Disclosure(
            recorded_us=time.time_ns() // 1000,
            interaction=self.interaction,
            action=action,
            caller_kind=caller.kind.value,
            caller_id=caller.caller_id,
            caller_name=caller.name,
            role=caller.role,
            trust=caller.trust,
            session=caller.session,
            request_id=self.request_id,
            query=self.query,
            entries=entries,
            outcome=self.outcome,
            purpose=self.purpose,
            address=self.address,
        )

    @property
    def is_service(self) -> bool:
        return self.caller.kind == CallerKind.SERVICE
