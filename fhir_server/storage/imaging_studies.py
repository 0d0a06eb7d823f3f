"""Finding ImagingStudy rows for DICOMweb, by study UID and QIDO-RS keys, with the caller's access rule in the SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, or_, select

from fhir_server.storage.database import Database
from fhir_server.storage.imaging_rows import StudyRow
from fhir_server.storage.row_rule import RowRule
from fhir_server.storage.tables import index_date, index_token, resource, uri

_STUDY = "ImagingStudy"
_DICOM_UID = "urn:dicom:uid"


@dataclass(frozen=True)
class ParameterNumbers:
    """Numbers of the search parameters that the index tables carry (conformance.definitions)."""

    study_identifier: int
    study_started: int
    study_modality: int
    patient_identifier: int


@dataclass(frozen=True)
class StudyFilter:
    """QIDO-RS keys, each None when not asked. Dates are microseconds since 1970 UTC, half open [low, high)."""

    study_uids: tuple[str, ...] | None = None
    patient_ids: tuple[str, ...] | None = None
    accession_number: str | None = None
    started: tuple[int, int] | None = None
    modalities: tuple[str, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it narrows nothing."""
        return self == StudyFilter()


class ImagingStudies:
    """The record's ImagingStudy and Patient rows, as DICOMweb needs them."""

    def __init__(self, database: Database, numbers: ParameterNumbers) -> None:
        self._database = database
        self._numbers = numbers

    def find_study(self, study_uid: str, rule: RowRule) -> StudyRow | None:
        """The study if the caller may read it: what feeds own decides, whatever clients wrote beside it.

        Where only clients wrote, the caller must be able to read every study that claims the UID: who may not see a
        study must not get at its images by writing another with its UID.
        """
        deciding = self._deciding(study_uid)
        found = self.search(StudyFilter(study_uids=(study_uid,)), rule, limit=len(deciding) + 1)
        readable = [row for row in found if row.resource_id in deciding]
        return readable[0] if readable and len(readable) == len(deciding) else None

    def _deciding(self, study_uid: str) -> set[str]:
        """Logical ids of the studies with the UID that feeds own, else of all with it; seen by nobody."""
        statement = select(resource.c.resource_id, resource.c.composed).where(
            resource.c.resource_type == _STUDY,
            resource.c.deleted.is_(False),
            *self._conditions(StudyFilter(study_uids=(study_uid,))),
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
        return {row.resource_id for row in rows if row.composed} or {row.resource_id for row in rows}

    def get_study(self, resource_id: str, rule: RowRule) -> StudyRow | None:
        """The ImagingStudy with the logical id if the caller may read it."""
        return self._one(_rows(rule, _STUDY).where(resource.c.resource_id == resource_id), rule)

    def get_patient(self, patient_id: str, rule: RowRule) -> StudyRow | None:
        """The Patient with the logical id if the caller may read it."""
        return self._one(_rows(rule, "Patient").where(resource.c.resource_id == patient_id), rule)

    def get_patients(self, patient_ids: Sequence[str], rule: RowRule) -> dict[str, StudyRow]:
        if not patient_ids:
            return {}
        statement = _rows(rule, "Patient").where(resource.c.resource_id.in_(sorted(set(patient_ids))))
        return {row.resource_id: row for row in self._all(statement, rule.parameters)}

    def patient_ids(self, value: str, system: str) -> tuple[str, ...]:
        """Logical ids of Patients that the value may mean: the id itself, or an identifier of that system."""
        token = self._has_token(self._numbers.patient_identifier, system, (value,))
        statement = select(resource.c.resource_id).where(
            resource.c.resource_type == "Patient",
            resource.c.deleted.is_(False),
            or_(resource.c.resource_id == value, token),
        )
        with self._database.read() as connection:
            return tuple(connection.execute(statement).scalars())

    def search(self, asked: StudyFilter, rule: RowRule, *, limit: int, offset: int = 0) -> list[StudyRow]:
        """The studies that match and that the caller may read, newest change first."""
        statement = _rows(rule, _STUDY).where(*self._conditions(asked))
        order = (resource.c.composed.desc(), resource.c.last_updated.desc(), resource.c.resource_key)
        return self._all(statement.order_by(*order).limit(limit).offset(offset), rule.parameters)

    def _conditions(self, asked: StudyFilter) -> list[ColumnElement[bool]]:
        numbers, found = self._numbers, list[ColumnElement[bool]]()
        if asked.study_uids is not None:
            codes = tuple(f"urn:oid:{uid}" for uid in asked.study_uids)
            found.append(self._has_token(numbers.study_identifier, _DICOM_UID, codes))
        if asked.patient_ids is not None:
            found.append(resource.c.patient_id.in_(asked.patient_ids))
        if asked.accession_number is not None:
            found.append(self._has_token(numbers.study_identifier, None, (asked.accession_number,)))
        if asked.modalities is not None:
            found.append(self._has_token(numbers.study_modality, None, asked.modalities))
        if asked.started is not None:
            found.append(self._starts_within(*asked.started))
        return found

    @staticmethod
    def _has_token(parameter: int, system: str | None, codes: Sequence[str]) -> ColumnElement[bool]:
        # IN over keys, not a correlated EXISTS: the few keys that carry the token drive the statement.
        where = [index_token.c.parameter == parameter, index_token.c.code.in_(codes)]
        if system is not None:
            number = select(uri.c.uri_number).where(uri.c.uri == system).scalar_subquery()
            where.append(index_token.c.system == number)
        return resource.c.resource_key.in_(select(index_token.c.resource_key).where(*where))

    def _starts_within(self, low: int, high: int) -> ColumnElement[bool]:
        period = index_date
        return exists(
            select(period.c.resource_key).where(
                period.c.resource_key == resource.c.resource_key,
                period.c.parameter == self._numbers.study_started,
                and_(period.c.low < bindparam("started_high", high), period.c.high > bindparam("started_low", low)),
            )
        )

    def _one(self, statement: Select[Any], rule: RowRule) -> StudyRow | None:
        found = self._all(statement.limit(1), rule.parameters)
        return found[0] if found else None

    def _all(self, statement: Select[Any], parameters: Mapping[str, Any]) -> list[StudyRow]:
        with self._database.read() as connection:
            rows = connection.execute(statement, dict(parameters)).all()
        return [
            StudyRow(r.resource_id, r.version_id, r.patient_id, r.custodian, bytes(r.body), r.composed) for r in rows
        ]


def _rows(rule: RowRule, resource_type: str) -> Select[Any]:
    c = resource.c
    return select(c.resource_id, c.version_id, c.patient_id, c.custodian, c.body, c.composed).where(
        c.resource_type == resource_type,
        c.deleted.is_(False),
        rule.may_read(resource, resource_type),
    )
