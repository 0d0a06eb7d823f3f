"""A trust's own exam codes and the national code it says each one is: the table that its RIS can export as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from terminology.codes import CodeSystem, Coding, Concept
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.loaders.delimited import LoadError, Row, read_rows
from terminology.systems import NICIP, local_system

COLUMNS = {
    "code": ("Local Code", "Exam Code", "Code"),
    "name": ("Local Name", "Exam Name", "Name", "Description"),
    "nicip": ("NICIP", "NICIP Code", "National Code"),
    "equivalence": ("Equivalence",),
}
OPTIONAL = frozenset({"name", "nicip", "equivalence"})


@dataclass(frozen=True)
class ExamMap:
    """One issuer's exam codes, and its map to NICIP; `unmapped` codes have no national code yet."""

    code_system: CodeSystem
    to_nicip: ConceptMap
    unmapped: tuple[Coding, ...]


def exam_code_system(issuer: str) -> str:
    """Return the system URI of the issuer's exam codes."""
    return local_system(issuer, "exam-code")


def load_exam_map(file: TextIO, issuer: str, version: str) -> ExamMap:
    """Read an issuer's table; raise LoadError, for an empty code, a code twice or a bad equivalence."""
    system = exam_code_system(issuer)
    rows = {row.line: row for row in read_rows(file, COLUMNS, optional=OPTIONAL)}
    codings = {line: Coding(system, row.required("code"), row.fields["name"]) for line, row in rows.items()}
    try:
        code_system = CodeSystem.of(system, version, (Concept(coding) for coding in codings.values()), complete=False)
    except ValueError as error:
        raise LoadError(str(error)) from error
    pairs = [
        (codings[line], Coding(NICIP, row.fields["nicip"]), _equivalence(row))
        for line, row in rows.items()
        if row.fields["nicip"]
    ]
    unmapped = tuple(codings[line] for line, row in rows.items() if not row.fields["nicip"])
    return ExamMap(code_system, ConceptMap.of(local_system(issuer, "exam-to-nicip"), version, pairs), unmapped)


def _equivalence(row: Row) -> Equivalence:
    try:
        return Equivalence(row.fields["equivalence"] or Equivalence.EQUIVALENT)
    except ValueError:
        raise LoadError(f"line {row.line}: equivalence must be one of {', '.join(Equivalence)}") from None
