"""The National Interim Clinical Imaging Procedure codes (NICIP) as TRUD distributes them, with their SNOMED CT links.

TRUD (https://isd.digital.nhs.uk/trud), under the UK SNOMED CT licence: each organisation loads its own copy, and none
is shipped. Column titles have changed between releases, so each column is found by any of the titles it has had.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TextIO

from terminology.codes import CodeSystem, Coding, Concept
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.loaders.delimited import LoadError, Row, read_rows
from terminology.sctid import is_valid_concept_id
from terminology.systems import NICIP, SNOMED_CT

MAP_URL = "urn:x-imaging-record:ConceptMap:nicip-to-snomed"
CODE_LENGTH_MAX = 16
COLUMNS = {
    "code": ("Short Code", "NICIP Code", "Code"),
    "name": ("Preferred Description", "NICIP Description", "Description", "Term"),
    "snomed": ("SNOMED CT Concept ID", "SCT ConceptID", "ConceptId", "SNOMED CT Code"),
    "modality": ("Modality",),
    "region": ("Region", "Anatomical Region", "Body Region"),
    "status": ("Status", "Active"),
}
OPTIONAL = frozenset({"snomed", "modality", "region", "status"})
INACTIVE = frozenset({"0", "inactive", "retired", "withdrawn", "no", "false"})


@dataclass(frozen=True)
class NicipRelease:
    """One release: the code system and its map to SNOMED CT."""

    code_system: CodeSystem
    to_snomed: ConceptMap


def load_nicip(file: TextIO, version: str, *, delimiter: str = ",") -> NicipRelease:
    """Read a release; raise LoadError, naming the line, for a missing or repeated code or a bad SNOMED CT id."""
    rows = list(read_rows(file, COLUMNS, optional=OPTIONAL, delimiter=delimiter))
    _require_unique(rows)
    pairs = [(_coding(row), Coding(SNOMED_CT, _snomed(row)), Equivalence.EQUIVALENT) for row in rows if _snomed(row)]
    return NicipRelease(
        CodeSystem.of(NICIP, version, (_concept(row) for row in rows)), ConceptMap.of(MAP_URL, version, pairs)
    )


def _require_unique(rows: list[Row]) -> None:
    lines: dict[str, int] = {}
    for row in rows:
        first = lines.setdefault(row.required("code"), row.line)
        if first != row.line:
            raise LoadError(f"line {row.line}: the code stands on line {first} too")


def _coding(row: Row) -> Coding:
    code = row.required("code")
    if len(code) > CODE_LENGTH_MAX or not (code.isascii() and code.isalnum()):
        raise LoadError(f"line {row.line}: a NICIP code is up to {CODE_LENGTH_MAX} letters and digits")
    return Coding(NICIP, code, row.required("name"))


def _concept(row: Row) -> Concept:
    properties = {name: row.fields[name] for name in ("modality", "region") if row.fields[name]}
    active = row.fields["status"].casefold() not in INACTIVE
    return Concept(_coding(row), active, MappingProxyType(properties))


def _snomed(row: Row) -> str:
    identifier = row.fields["snomed"]
    if identifier and not is_valid_concept_id(identifier):
        raise LoadError(f"line {row.line}: not a SNOMED CT concept identifier (a spreadsheet may have rounded it)")
    return identifier
