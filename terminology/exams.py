"""Exams: what an imaging exam code means for the record, by modality, body region and side.

The example set is for the demo region and tests. The national list (NICIP) is licensed and loaded by each
organisation (`loaders/nicip`); codes of it that stand here as examples have been printed in public specifications.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from terminology.codes import CodeSystem, Coding, Concept
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.memory import MemoryTerminology
from terminology.systems import NICIP, SNOMED_CT, local_system

EXAMPLE_ISSUER = "example"
EXAMPLE_EXAMS = local_system(EXAMPLE_ISSUER, "exam-code")
EXAMPLE_VERSION = "example"
EXAM_TO_NICIP = "urn:x-imaging-record:ConceptMap:example-exam-to-nicip"
NICIP_TO_SNOMED = "urn:x-imaging-record:ConceptMap:example-nicip-to-snomed"

LEFT = Coding(SNOMED_CT, "7771000", "Left")
RIGHT = Coding(SNOMED_CT, "24028007", "Right")
BILATERAL = Coding(SNOMED_CT, "51440002", "Right and left")
SIDES = {"L": LEFT, "R": RIGHT, "B": BILATERAL}


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam as a site names it; `modality` is a DICOM code, `side` is L, R, B or empty."""

    coding: Coding
    modality: str
    region: str
    body_site: Coding | None
    side: str = ""
    nicip: str = ""
    snomed: str = ""
    snomed_equivalence: str = ""

    @property
    def laterality(self) -> Coding | None:
        """The side as SNOMED CT, or None."""
        return SIDES.get(self.side)


@cache
def example_exams() -> tuple[Exam, ...]:
    """Return the example exams, in a fixed order."""
    rows = json.loads(files(__package__).joinpath("example_exams.json").read_text("utf-8"))["exams"]
    return tuple(_exam(row) for row in rows)


def _exam(row: dict[str, str]) -> Exam:
    site = Coding(SNOMED_CT, row["body_site"], row["region"]) if "body_site" in row else None
    return Exam(
        coding=Coding(EXAMPLE_EXAMS, row["code"], row["name"]),
        modality=row["modality"],
        region=row["region"],
        body_site=site,
        side=row.get("side", ""),
        nicip=row.get("nicip", ""),
        snomed=row.get("snomed", ""),
        snomed_equivalence=row.get("equivalence", ""),
    )


@cache
def example_terminology() -> MemoryTerminology:
    """Return the example exams with their maps: site exam code -> NICIP -> SNOMED CT, where the link is public."""
    exams = example_exams()
    nicip = [exam for exam in exams if exam.nicip]
    to_nicip = ((e.coding, _nicip_coding(e), Equivalence.EQUIVALENT) for e in nicip)
    to_snomed = ((_nicip_coding(e), _snomed(e), Equivalence(e.snomed_equivalence)) for e in nicip if e.snomed)
    return MemoryTerminology(
        code_systems=[
            CodeSystem.of(EXAMPLE_EXAMS, EXAMPLE_VERSION, (Concept(exam.coding) for exam in exams)),
            CodeSystem.of(NICIP, EXAMPLE_VERSION, (Concept(_nicip_coding(e)) for e in nicip), complete=False),
        ],
        concept_maps=[
            ConceptMap.of(EXAM_TO_NICIP, EXAMPLE_VERSION, to_nicip),
            ConceptMap.of(NICIP_TO_SNOMED, EXAMPLE_VERSION, to_snomed),
        ],
    )


def _nicip_coding(exam: Exam) -> Coding:
    return Coding(NICIP, exam.nicip, exam.coding.display)


def _snomed(exam: Exam) -> Coding:
    return Coding(SNOMED_CT, exam.snomed)
