"""The unit of work: one database transaction in which versions are stored (design decisions 2, 5, 6).

Storing a version writes the resource row, the version row with its place in the change sequence, the index rows that
changed, and nothing else. Version checks (`If-Match`) happen here, under the row's lock, so that no door can forget
them.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, insert, literal_column, select, update

from fhir_server.storage.database import Database
from fhir_server.storage.index_rows import EMPTY, INDEX_VERSION, IndexRows
from fhir_server.storage.keys import KeyAllocator, next_change_number
from fhir_server.storage.tables import (
    index_date,
    index_reference,
    index_string,
    index_token,
    index_uri,
    resource,
    resource_patient,
    resource_version,
)
from fhir_server.storage.tables.schema import schema_info
from fhir_server.storage.uris import UriNumbers


@dataclass(frozen=True)
class CurrentResource:
    """The resource row as it stands; `body` is None after a deletion."""

    resource_key: int
    resource_type: str
    resource_id: str
    version_id: int
    last_updated: int
    deleted: bool
    custodian: str | None
    patient_id: str | None
    patient_count: int
    sealed: int
    composed: bool
    index_version: int
    body: bytes | None


@dataclass(frozen=True)
class NewVersion:
    """A version to store. `body` is the finished document (None: a deletion), `index` its rows."""

    resource_type: str
    resource_id: str
    version_id: int
    method: str
    body: bytes | None
    custodian: str | None = None
    patient_ids: tuple[str, ...] = ()
    sealed: int = 0
    composed: bool = False
    index: IndexRows = field(default=EMPTY)


@dataclass(frozen=True)
class StoredVersion:
    """What was stored: enough to answer the caller and to account for it."""

    resource_key: int
    resource_type: str
    resource_id: str
    version_id: int
    last_updated: int
    method: str
    body: bytes | None
    patient_ids: tuple[str, ...]
    custodian: str | None


class Storage:
    """The database with the per-process memories that writing needs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keys = KeyAllocator()
        self.uris = UriNumbers(database)

    @cached_property
    def epoch(self) -> str:
        """What tells this store from every other: random, and the same for all its processes."""
        with self.database.read() as connection:
            return str(connection.execute(select(schema_info.c.epoch)).scalar_one())

    def unit_of_work(self, connection: Connection) -> UnitOfWork:
        return UnitOfWork(self, connection)


_CURRENT = select(*[resource.c[f] for f in CurrentResource.__dataclass_fields__]).where(
    resource.c.resource_type == bindparam("resource_type"), resource.c.resource_id == bindparam("resource_id")
)
_CURRENT_LOCKED = _CURRENT.with_for_update()
_TABLES: tuple[tuple[str, Table], ...] = (
    ("token", index_token),
    ("string", index_string),
    ("date", index_date),
    ("reference", index_reference),
    ("uri", index_uri),
)


class UnitOfWork:
    """One open transaction. `now` (microseconds UTC) is the `lastUpdated` of everything stored in it."""

    def __init__(self, storage: Storage, connection: Connection) -> None:
        self.storage = storage
        self.connection = connection
        self.now = time.time_ns() // 1000
        self._added_uris: set[str] = set()

    def lock(self, *names: str) -> None:
        """Serialise with every other transaction that locks the same name, until this one ends."""
        self.storage.database.lock(self.connection, *names)

    def find_current(self, resource_type: str, resource_id: str, *, lock: bool = False) -> CurrentResource | None:
        """The resource's row, deleted or not; with `lock` nobody else changes it until this transaction ends."""
        statement = _CURRENT_LOCKED if lock else _CURRENT
        row = self.connection.execute(
            statement, {"resource_type": resource_type, "resource_id": resource_id}
        ).one_or_none()
        return None if row is None else CurrentResource(*row)

    def store(self, new: NewVersion, current: CurrentResource | None = None, old: IndexRows = EMPTY) -> StoredVersion:
        """Store a version: the first when `current` is None, else the successor of `current` whose rows were `old`.

        `current` must have been read with `lock`. IntegrityError (two creators of one id) is retried by the database.
        """
        now = max(self.now, current.last_updated + 1) if current else self.now
        key = current.resource_key if current else self.storage.keys.take(self.connection)
        values = _access_values(new) | {
            "version_id": new.version_id,
            "last_updated": now,
            "deleted": new.body is None,
            "composed": new.composed,
            "index_version": INDEX_VERSION,
            "body": new.body,
        }
        if current is None:
            names = {"resource_key": key, "resource_type": new.resource_type, "resource_id": new.resource_id}
            self.connection.execute(insert(resource), names | values)
        else:
            self.connection.execute(update(resource).where(resource.c.resource_key == key).values(values))
        self._add_version(key, new, now)
        self._store_patients(key, new, current)
        if current is not None and current.index_version != INDEX_VERSION:
            self._drop_index(key)
            old = EMPTY
        self._store_index(key, _patient_id(new), new.index, old, moved=_moved(current, new))
        return StoredVersion(
            key, new.resource_type, new.resource_id, new.version_id, now, new.method, new.body, new.patient_ids,
            new.custodian,
        )  # fmt: skip

    def _add_version(self, key: int, new: NewVersion, now: int) -> None:
        access = _access_values(new)
        values: dict[str, Any] = {
            "resource_key": key,
            "version_id": new.version_id,
            "last_updated": now,
            "resource_type": new.resource_type,
            "resource_id": new.resource_id,
            "method": new.method,
            "custodian": access["custodian"],
            "patient_id": access["patient_id"],
            "patient_ids": ",".join(new.patient_ids) if len(new.patient_ids) > 1 else None,
            "sealed": new.sealed,
            "sha256": None if new.body is None else hashlib.sha256(new.body).digest(),
            "body": new.body,
        }
        if self.storage.database.is_sqlite:
            values |= {"transaction_id": 0, "change_number": next_change_number(self.connection)}
            self.connection.execute(insert(resource_version), values)
            return
        self.connection.execute(_INSERT_VERSION, values)

    def _store_patients(self, key: int, new: NewVersion, current: CurrentResource | None) -> None:
        if current is not None and current.patient_count > 1:
            self.connection.execute(delete(resource_patient).where(resource_patient.c.resource_key == key))
        if len(new.patient_ids) > 1:
            rows = [{"resource_key": key, "patient_id": p} for p in new.patient_ids]
            self.connection.execute(insert(resource_patient), rows)

    def _drop_index(self, key: int) -> None:
        for _name, table in _TABLES:
            self.connection.execute(delete(table).where(table.c.resource_key == key))

    def _store_index(self, key: int, patient_id: str | None, new: IndexRows, old: IndexRows, *, moved: bool) -> None:
        """Write the difference only; `moved`: the patient changed, so every row is written anew."""
        for name, table in _TABLES:
            wanted, present = _one_row_each(name, new), _one_row_each(name, old)
            gone = present if moved else present - wanted
            added = wanted if moved else wanted - present
            if gone:
                self._delete_rows(table, key, gone)
            if added:
                self.connection.execute(
                    insert(table), [r | {"patient_id": patient_id} for r in self._rows(table, key, added)]
                )

    def _delete_rows(self, table: Table, key: int, rows: frozenset[Any]) -> None:
        names = [c.name for c in table.primary_key.columns]
        where = and_(*[table.c[n] == bindparam(f"k_{n}") for n in names])
        values = [{f"k_{n}": r[n] for n in names} for r in self._rows(table, key, rows)]
        self.connection.execute(delete(table).where(where), values)

    def _rows(self, table: Table, key: int, rows: frozenset[Any]) -> list[dict[str, Any]]:
        """Index rows as column values; order fixed, so that concurrent writers touch pages in one order."""
        ordered = sorted(rows, key=repr)
        if table is index_token:
            numbers = self.storage.uris.numbers(self.connection, {r[2] for r in ordered}, self._added_uris)
            return [{"parameter": p, "code": c, "resource_key": key, "system": numbers[s]} for p, c, s in ordered]
        if table is index_string:
            return [{"parameter": p, "folded": f, "resource_key": key, "exact": e} for p, f, e in ordered]
        if table is index_date:
            return [{"parameter": p, "low": lo, "high": hi, "resource_key": key} for p, lo, hi in ordered]
        if table is index_reference:
            return [{"parameter": p, "target": t, "resource_key": key, "target_version": v} for p, t, v in ordered]
        return [{"parameter": p, "value": v, "resource_key": key} for p, v in ordered]


_INSERT_VERSION = insert(resource_version).values(
    {c.name: bindparam(c.name) for c in resource_version.c if c.name not in ("transaction_id", "change_number")}
    | {
        # The transaction's number first: a follower reads only below the oldest one still running (storage/changes).
        "transaction_id": literal_column("pg_current_xact_id()::text::bigint"),
        "change_number": func.nextval("change_number"),
    }
)


def _one_row_each(name: str, rows: IndexRows) -> frozenset[Any]:
    """The rows as the table can hold them: one target, referenced with and without a version, is one row."""
    if name != "reference":
        return getattr(rows, name)  # type: ignore[no-any-return]
    unique = {(p, t): v for p, t, v in sorted(rows.reference, key=repr)}
    return frozenset((p, t, v) for (p, t), v in unique.items())


def _patient_id(new: NewVersion) -> str | None:
    return new.patient_ids[0] if len(new.patient_ids) == 1 else None


def _moved(current: CurrentResource | None, new: NewVersion) -> bool:
    return current is not None and current.patient_id != _patient_id(new)


def _access_values(new: NewVersion) -> dict[str, Any]:
    return {
        "custodian": new.custodian,
        "patient_id": _patient_id(new),
        "patient_count": len(new.patient_ids),
        "sealed": new.sealed,
    }
