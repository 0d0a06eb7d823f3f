"""Migrated stores, made once for each test process and copied for each module: a copy takes a tenth of a second."""

from __future__ import annotations

import shutil
from pathlib import Path

from fhir_server.storage.database import Database
from fhir_server.storage.migrate import migrate
from tests.support.postgresql import Cluster


def migrate_url(url: str) -> None:
    """Bring the database at the URL to the schema of this code."""
    database = Database(url)
    migrate(database)
    database.close()


def make_postgresql_template(cluster: Cluster) -> str:
    """The name of a migrated database to copy from."""
    name = cluster.create_database()
    migrate_url(cluster.url(name))
    return name


def make_sqlite_template(folder: Path) -> Path:
    """A migrated file to copy from; closing it has folded its write-ahead log in."""
    file = folder / "template.db"
    migrate_url(f"sqlite:///{file}")
    return file


def copy_sqlite(template: Path, folder: Path) -> str:
    """The URL of a copy."""
    return f"sqlite:///{shutil.copy(template, folder / 'record.db')}"
