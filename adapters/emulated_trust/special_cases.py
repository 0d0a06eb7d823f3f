"""The cases that every demo region has, by name: what to show, whose it is and where it lies."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.emulated_trust.exam import RegionExam
from adapters.emulated_trust.exam_maker import Wish


@dataclass(frozen=True)
class CaseRecipe:
    """A case before anybody is found for it; `shown` is the exam (by place) that the case is about."""

    name: str
    what: str
    wishes: tuple[Wish, ...]
    shown: int = 0


OLD_MRN = "K0099001"
"""The number under which RX1 first registered the person of the merge case."""

RECIPES: tuple[CaseRecipe, ...] = (
    CaseRecipe(
        "three-trusts", "studies in three trusts: a CT head, then an MRI of the same lesion, and a chest film",
        (Wish("RX1", "CHEAD", 40, True), Wish("RTG", "MHEAD", 31, True), Wish("RK5", "XCHES", 400),
         Wish("RX1", "UABDO", 700)),
    ),
    CaseRecipe(
        "pacs-down", "a study whose PACS is down: the report is there, the images do not open",
        (Wish("RNQ", "CCHES", 120, True),),
    ),
    CaseRecipe("addendum", "a report with an addendum", (Wish("RWE", "CCHES", 60, True, "addendum"),)),
    CaseRecipe("corrected", "a corrected report: the side was wrong", (Wish("RWD", "XCHES", 50, True, "correction"),)),
    CaseRecipe(
        "merge", "two local records that RX1 merged (A40); the first study's pixels keep the old number",
        (Wish("RX1", "UABDO", 200, mrn=OLD_MRN), Wish("RX1", "XCHES", 90)),
    ),
    CaseRecipe("pdf-report", "a report that came as a PDF", (Wish("RWD", "MSPLU", 75, True, as_pdf=True),)),
    CaseRecipe(
        "unreported", "images without a report: reporting work is open",
        (Wish("RTG", "CHEAD", 3, course="unreported"),),
    ),
    CaseRecipe("order-only", "an order for next week: no images yet", (Wish("RWE", "MHEAD", -6, course="ordered"),)),
    CaseRecipe(
        "sent-by-store", "a study whose PACS has no DICOMweb: its objects came by C-STORE",
        (Wish("RFS", "CHEAD", 20, True),),
    ),
    CaseRecipe(
        "untraced-number", "one NHS number at two trusts, one of which (v2.3.1) cannot say that it was traced",
        (Wish("RNS", "MSPLU", 150), Wish("RNQ", "XCHES", 140)),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class SpecialCase:
    """A case of a region, with what one needs to look it up."""

    name: str
    what: str
    exams: tuple[RegionExam, ...]
    shown: RegionExam

    def describe(self) -> dict[str, str]:
        """The case as plain words and numbers, for a manifest."""
        person, exam = self.shown.person, self.shown
        return {
            "case": self.name,
            "what": self.what,
            "nhs_number": person.nhs_number,
            "patient": f"{person.family}, {person.given}",
            "birth_date": person.birth_date.isoformat(),
            "trust": exam.trust.ods,
            "mrn": exam.mrn,
            "exam": exam.exam.name,
            "accession": exam.accession,
            "study_instance_uid": exam.study_instance_uid,
        }
