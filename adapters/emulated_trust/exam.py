"""One exam of one person at one trust: who asked, what was done when, what was said, and the study that came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.emulated_trust.catalogue import CatalogueExam, Narrative
from adapters.emulated_trust.people import RegionPerson
from adapters.emulated_trust.study import StudyPatient, StudyPlan
from adapters.emulated_trust.trusts import Site, Trust
from adapters.emulated_trust.uids import make_uid
from hl7.emit import Clinician

LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True)
class Course:
    """When each step of an exam happens; None is a step that never comes. Times carry their zone."""

    ordered: datetime
    scheduled: datetime
    performed: datetime | None = None
    preliminary: datetime | None = None
    final: datetime | None = None
    addendum: datetime | None = None
    correction: datetime | None = None


@dataclass(frozen=True)
class RegionExam:
    """`key` names the exam within the region for ever: its numbers and UIDs are made from it."""

    key: str
    trust: Trust
    site: Site
    person: RegionPerson
    mrn: str
    exam: CatalogueExam
    course: Course
    accession: str
    has_finding: bool
    build: int
    indication: str
    requester: Clinician
    radiographer: Clinician
    reporter: Clinician
    patient_class: str = "O"
    priority: str = "R"
    as_pdf: bool = False

    @property
    def study_instance_uid(self) -> str:
        return make_uid(self.key, "study")

    @property
    def placer(self) -> str:
        return f"ICE{int(hashlib.sha256(self.key.encode()).hexdigest()[:7], 16):09d}"

    @property
    def visit_number(self) -> str:
        return f"V{self.placer[3:]}"

    @property
    def narrative(self) -> Narrative:
        return self.exam.finding if self.has_finding else self.exam.plain

    def study(self) -> StudyPlan | None:
        """The study in the trust's PACS, or None while no picture has been taken."""
        if self.course.performed is None:
            return None
        return StudyPlan(
            study_instance_uid=self.study_instance_uid,
            kind=self.exam.kind,
            variant=int(self.has_finding) + 2 * self.build,
            place=self.trust.place(self.site),
            patient=self._patient(),
            accession_number=self.accession,
            started=max(self.course.performed - timedelta(minutes=10), self.course.ordered),
            description=self.exam.name,
            procedure_code=self.exam.code,
            referrer=f"{self.requester.family}^{self.requester.given}^^{self.requester.title}",
            laterality=self.exam.laterality,
        )

    def _patient(self) -> StudyPatient:
        person = self.person
        return StudyPatient(
            self.mrn, self.trust.ods, person.nhs_number, person.family, person.given, person.birth_date, person.sex
        )
