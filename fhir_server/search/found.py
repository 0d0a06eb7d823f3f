"""A resource that a search found: its stored bytes and what an account of the disclosure needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from fhir_server.storage.tables import resource_patient


@dataclass(frozen=True)
class FoundResource:
    """`last_updated` in microseconds UTC; `patient_ids` are all patients it is about, `patient_id` the only one."""

    resource_key: int
    resource_type: str
    resource_id: str
    version_id: int
    last_updated: int
    custodian: str | None
    patient_id: str | None
    patient_ids: tuple[str, ...]
    body: bytes


_PATIENTS = select(resource_patient.c.resource_key, resource_patient.c.patient_id).where(
    resource_patient.c.resource_key.in_(bindparam("keys", expanding=True))
)


def make_found(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[FoundResource]:
    """Resources of rows of `sql.COLUMNS`; the patients of those about several are read in one statement."""
    several = [row[0] for row in rows if row[7] > 1]
    patients: dict[int, list[str]] = {key: [] for key in several}
    for key, patient_id in connection.execute(_PATIENTS, {"keys": several}) if several else ():
        patients[key].append(patient_id)
    found = []
    for key, resource_type, resource_id, version, updated, custodian, patient_id, _, body in rows:
        one = () if patient_id is None else (patient_id,)
        ids = tuple(sorted(patients[key])) if key in patients else one
        found.append(
            FoundResource(key, resource_type, resource_id, version, updated, custodian, patient_id, ids, bytes(body))
        )
    return found
