"""Reading resources and their versions, always through the caller's access rule (design decision 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from fhir_server.storage.database import Database
from fhir_server.storage.hot import HotConnections, HotStatement
from fhir_server.storage.row_rule import RowRule
from fhir_server.storage.tables import resource, resource_patient, resource_version

_SHAPES_MAX = 256


@dataclass(frozen=True)
class FoundVersion:
    """One version as it is stored; `body` is None for a deletion."""

    resource_type: str
    resource_id: str
    version_id: int
    last_updated: int
    method: str
    patient_ids: tuple[str, ...]
    custodian: str | None
    body: bytes | None


class Resources:
    """Repository of resources and versions for reading by id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hot = HotConnections(database)
        self._current: dict[tuple[object, ...], HotStatement] = {}

    def find(self, resource_type: str, resource_id: str, rule: RowRule) -> FoundVersion | None:
        """The current version (a deletion too); None when there is none that the rule shows."""
        statement = self._current.get(rule.shape)
        if statement is None:
            if len(self._current) >= _SHAPES_MAX:
                self._current.clear()
            statement = self._current[rule.shape] = self._compile_current(rule)
        row = statement.fetch_one({"resource_type": resource_type, "resource_id": resource_id, **rule.parameters})
        if row is None:
            return None
        key, version_id, last_updated, custodian, patient_id, patient_count, body = row
        patients: tuple[str, ...] = (patient_id,) if patient_id is not None else ()
        if patient_count > 1:
            with self._database.read() as connection:
                patients = patients_of(connection, [key]).get(key, ())
        return FoundVersion(
            resource_type, resource_id, version_id, last_updated, "", patients, custodian,
            None if body is None else bytes(body),
        )  # fmt: skip

    def _compile_current(self, rule: RowRule) -> HotStatement:
        c = resource.c
        statement = select(
            c.resource_key, c.version_id, c.last_updated, c.custodian, c.patient_id, c.patient_count, c.body
        ).where(
            c.resource_type == bindparam("resource_type"),
            c.resource_id == bindparam("resource_id"),
            rule.may_read(resource, "*"),
        )
        return HotStatement(self._hot, self._database, statement)

    def find_version(self, resource_type: str, resource_id: str, version_id: int, rule: RowRule) -> FoundVersion | None:
        """One version, judged by its own patient and custodian under today's rule."""
        statement = _versions(resource_type, resource_id, rule).where(resource_version.c.version_id == version_id)
        with self._database.read() as connection:
            row = connection.execute(statement, rule.parameters).one_or_none()
        return None if row is None else _found(row)

    def history(
        self,
        resource_type: str,
        resource_id: str,
        rule: RowRule,
        *,
        below_version: int | None,
        since: int | None,
        limit: int,
    ) -> list[FoundVersion]:
        """Versions newest first, at most `limit`, older than version `below_version`, not before `since`."""
        statement = _versions(resource_type, resource_id, rule)
        if below_version is not None:
            statement = statement.where(resource_version.c.version_id < below_version)
        if since is not None:
            statement = statement.where(resource_version.c.last_updated >= since)
        statement = statement.order_by(resource_version.c.version_id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_found(row) for row in connection.execute(statement, rule.parameters)]


def _versions(resource_type: str, resource_id: str, rule: RowRule) -> Select[Any]:
    """The versions of one resource: the rule must show both the resource as it is now and the version itself, so that
    a seal hides the past too. The key comes first: versions are found by it, whatever their time partition."""
    key = select(resource.c.resource_key).where(
        resource.c.resource_type == resource_type,
        resource.c.resource_id == resource_id,
        rule.may_read(resource, "*"),
    )
    return select(resource_version).where(
        resource_version.c.resource_key == key.scalar_subquery(), rule.may_read(resource_version, "*")
    )


def _found(row: Any) -> FoundVersion:
    several = tuple(row.patient_ids.split(",")) if row.patient_ids else ()
    patients = several or ((row.patient_id,) if row.patient_id else ())
    return FoundVersion(
        row.resource_type,
        row.resource_id,
        row.version_id,
        row.last_updated,
        row.method,
        patients,
        row.custodian,
        row.body,
    )


def is_visible(connection: Connection, resource_key: int, rule: RowRule) -> bool:
    """Whether the rule shows the current row: a writer may only touch what it may read."""
    statement = select(resource.c.resource_key).where(
        resource.c.resource_key == resource_key, rule.may_read(resource, "*")
    )
    return connection.execute(statement, rule.parameters).one_or_none() is not None


def patients_of(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The patients of resources that have several."""
    found: dict[int, tuple[str, ...]] = {}
    statement = select(resource_patient).where(resource_patient.c.resource_key.in_(keys))
    for row in connection.execute(statement.order_by(resource_patient.c.patient_id)):
        found[row.resource_key] = (*found.get(row.resource_key, ()), row.patient_id)
    return found
