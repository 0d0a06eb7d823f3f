"""A study that a trust holds: everything its objects say, before a single pixel is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from adapters.emulated_trust.images import KINDS, ImageKind
from adapters.emulated_trust.uids import make_uid


@dataclass(frozen=True)
class StudyPatient:
    """The person as this trust's PACS knows them; `issuer` is who assigned `patient_id` (the trust's ODS code)."""

    patient_id: str
    issuer: str
    nhs_number: str | None
    family: str
    given: str
    birth_date: date
    sex: str


@dataclass(frozen=True)
class Place:
    """Where the pictures were made, by ODS codes."""

    trust: str
    trust_name: str
    site: str
    site_name: str


@dataclass(frozen=True)
class InstancePlan:
    """One object of a study, by its numbers and UIDs."""

    series_number: int
    instance_number: int
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class StudyPlan:
    """One study. `kind` names what is drawn (a key of `images.KINDS`), `variant` how; `started` carries its offset."""

    study_instance_uid: str
    kind: str
    variant: int
    place: Place
    patient: StudyPatient
    accession_number: str
    started: datetime
    description: str
    procedure_code: str
    referrer: str
    laterality: str = ""

    @property
    def image_kind(self) -> ImageKind:
        return KINDS[self.kind]

    @property
    def modality(self) -> str:
        return self.image_kind.modality

    @cached_property
    def instances(self) -> tuple[InstancePlan, ...]:
        return tuple(self._walk())

    def _walk(self) -> Iterator[InstancePlan]:
        for shape in self.image_kind.series:
            series_uid = make_uid(self.study_instance_uid, shape.number)
            for number in range(1, shape.instances + 1):
                yield InstancePlan(shape.number, number, series_uid, make_uid(series_uid, number))

    @property
    def frame_of_reference_uid(self) -> str:
        return make_uid(self.study_instance_uid, "frame-of-reference")
