"""The composition root: it makes the services from the settings, and is the only module here that imports adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.access.routes import make_blueprint as make_oauth_blueprint
from fhir_server.access.sessions import SessionRules, Sessions
from fhir_server.access.tokens import TokenVerifier
from fhir_server.api.routes import fhir
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.errors import RecordError
from fhir_server.health import Check
from fhir_server.interactions.exchange import Record
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts
from fhir_server.storage.database import Database
from fhir_server.storage.migrate import check_schema, migrate
from fhir_server.storage.resources import Resources
from fhir_server.storage.unit_of_work import Storage


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

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must work for this process to be ready."""
        return {"database": self._check_database, "migrations": self._check_migrations}

    def _check_database(self) -> str:
        self.database.ping()
        return "answers"

    def _check_migrations(self) -> str:
        check_schema(self.database)
        return "up to date"


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
        settings.session_idle_s, settings.session_lifetime_s, settings.password_failures_max, settings.password_lockout_s
    )
    record = Record(settings, Storage(database), Resources(database), spool)
    return Services(settings, record, accounts, TokenVerifier(accounts), Sessions(accounts, rules))


def register_doors(app: Any, services: Services) -> None:
    """Register every blueprint on the Flask application."""
    app.register_blueprint(fhir)
    app.register_blueprint(make_oauth_blueprint(services.settings, services.accounts))


def prepare(settings: Settings) -> None:
    """Once, before the processes of `serve` start: the schema is brought up to date."""
    open_database(settings).close()
