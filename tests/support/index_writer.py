"""Puts documents and their index rows into a database without the write path: what searching is tested on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from fhir_server.search.extract import extract, patient_ids
from fhir_server.search.rows import SearchContext
from fhir_server.storage.index_rows import EMPTY, IndexRows
from fhir_server.storage.tables import (
    index_date,
    index_reference,
    index_string,
    index_token,
    index_uri,
    metadata,
    resource,
    resource_patient,
    uri,
)


@dataclass(frozen=True)
class WrittenResource:
    """A resource row with its index rows."""

    resource_key: int
    content: dict[str, Any]
    last_updated: int = 0
    version_id: int = 1
    deleted: bool = False
    custodian: str | None = None
    sealed: int = 0
    context: SearchContext = field(default_factory=SearchContext)

    @property
    def resource_type(self) -> str:
        return str(self.content["resourceType"])

    @property
    def resource_id(self) -> str:
        return str(self.content["id"])

    @property
    def rows(self) -> IndexRows:
        return EMPTY if self.deleted else extract(self.resource_type, self.content, self.context)

    @property
    def patients(self) -> tuple[str, ...]:
        return patient_ids(self.resource_type, self.content, self.context)


class IndexWriter:
    """Creates the tables and writes resources into them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        metadata.create_all(connection)
        known = connection.execute(select(uri.c.uri, uri.c.uri_number))
        self.uris: dict[str, int] = {"": 0} | {row.uri: row.uri_number for row in known}

    def write(self, *resources: WrittenResource) -> None:
        """Add resources; one with a known key replaces what was there."""
        for written in resources:
            self.remove(written.resource_key)
            self._write(written)

    def remove(self, resource_key: int) -> None:
        for table in (resource, resource_patient, index_token, index_string, index_date, index_reference, index_uri):
            self.connection.execute(table.delete().where(table.c.resource_key == resource_key))

    def clear(self) -> None:
        for table in (resource, resource_patient, index_token, index_string, index_date, index_reference, index_uri):
            self.connection.execute(table.delete())

    def _write(self, written: WrittenResource) -> None:
        patients, key = written.patients, written.resource_key
        one = patients[0] if len(patients) == 1 else None
        body = None if written.deleted else json.dumps(written.content, default=str).encode()
        self.connection.execute(
            insert(resource).values(
                resource_key=key, resource_type=written.resource_type, resource_id=written.resource_id,
                version_id=written.version_id, last_updated=written.last_updated, deleted=written.deleted,
                custodian=written.custodian, patient_id=one, patient_count=len(patients), sealed=written.sealed,
                composed=False, index_version=1, body=body,
            )
        )  # fmt: skip
        shared = {"resource_key": key, "patient_id": one}
        rows = written.rows
        self._insert(resource_patient, [{"resource_key": key, "patient_id": p} for p in patients if one is None])
        self._insert(
            index_token,
            [shared | {"parameter": p, "code": c, "system": self._number(s)} for p, c, s in rows.token],
        )
        self._insert(index_string, [shared | {"parameter": p, "folded": f, "exact": e} for p, f, e in rows.string])
        self._insert(index_date, [shared | {"parameter": p, "low": low, "high": high} for p, low, high in rows.date])
        self._insert(
            index_reference,
            [shared | {"parameter": p, "target": t, "target_version": v} for p, t, v in rows.reference],
        )
        self._insert(index_uri, [shared | {"parameter": p, "value": v} for p, v in rows.uri])

    def _insert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)

    def _number(self, name: str) -> int:
        if name not in self.uris:
            self.uris[name] = max(self.uris.values()) + 1
            self.connection.execute(insert(uri).values(uri_number=self.uris[name], uri=name))
        return self.uris[name]
