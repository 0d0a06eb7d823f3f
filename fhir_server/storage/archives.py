"""Registered archives in the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import insert, select

from fhir_server.errors import DuplicateKey
from fhir_server.storage.database import Connection, Database
from fhir_server.storage.tables.archive import archive


@dataclass(frozen=True)
class ArchiveRecord:
    """One registered archive; see the table for the fields."""

    endpoint_id: str
    name: str
    trust: str
    kind: str
    address: str
    aet: str
    patient_issuer: str
    accession_issuer: str
    created_at: int
    enabled: bool = True


def add_archive(connection: Connection, record: ArchiveRecord) -> None:
    """Add it in the caller's transaction; DuplicateKey when the name is taken."""
    if connection.execute(select(archive.c.name).where(archive.c.name == record.name)).first() is not None:
        raise DuplicateKey("There is already an endpoint of this name.")
    connection.execute(insert(archive), asdict(record))


def list_archives(database: Database) -> list[ArchiveRecord]:
    """Every enabled archive, by name."""
    statement = select(archive).where(archive.c.enabled.is_(True)).order_by(archive.c.name)
    with database.read() as connection:
        return [ArchiveRecord(**row) for row in connection.execute(statement).mappings()]
