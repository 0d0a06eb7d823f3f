"""What the doors and the jobs of one process work with, made from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fhir_server.access.sessions import SessionRules, Sessions
from fhir_server.access.tokens import TokenVerifier
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.errors import RecordError
from fhir_server.health import Check
from fhir_server.interactions.exchange import Record
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts
from fhir_server.storage.database import Database
from fhir_server.storage.migrate import check_schema, migrate
from fhir_server.storage.resources import Resources
from fhir_server.storage.shared_secrets import get_shared_secret
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring.imaging import Imaging


@dataclass
class Services:
    """What the doors and the jobs of one process work with."""

    settings: Settings
    record: Record
    accounts: Accounts
    tokens: TokenVerifier
    sessions: Sessions
    error_page: Callable[[RecordError], Any] | None = None

    @property
    def database(self) -> Database:
        return self.record.database

    @cached_property
    def imaging(self) -> Imaging:
        return Imaging(self.settings, self.record)

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must work for this process to be ready."""
        return {
            "database": self._check_database,
            "migrations": self._check_migrations,
            "audit spool": self._check_spool,
        }

    def _check_database(self) -> str:
        self.database.ping()
        return "answers"

    def _check_migrations(self) -> str:
        check_schema(self.database)
        return "up to date"

    def _check_spool(self) -> str:
        self.record.spool.check()
        return "takes disclosures"


def database_url(settings: Settings) -> str:
    """The store's URL; the embedded SQLite file of the data folder when none is set."""
    return settings.database or f"sqlite:///{(settings.data_dir / 'record.db').absolute()}"


def open_database(settings: Settings) -> Database:
    """The database, migrated; Unavailable when it cannot be reached."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(database_url(settings))
    migrate(database)
    return database


def make_services(settings: Settings, process: str, database: Database | None = None) -> Services:
    """The services of a process named `process` (its disclosures are spooled under that name)."""
    database = database or open_database(settings)
    accounts = Accounts(database)
    spool = DisclosureSpool(settings.data_dir / "spool", process, sync_s=settings.spool_sync_ms / 1000)
    rules = SessionRules(
        settings.session_idle_s,
        settings.session_lifetime_s,
        settings.password_failures_max,
        settings.password_lockout_s,
    )
    record = Record(settings, Storage(database), Resources(database), spool, get_shared_secret(database, "page-tokens"))
    return Services(settings, record, accounts, TokenVerifier(accounts), Sessions(accounts, rules))
