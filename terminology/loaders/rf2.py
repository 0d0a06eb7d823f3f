"""SNOMED CT release format 2: maps and subsets as reference sets, active members only.

RF2 reference sets (https://confluence.ihtsdotools.org/display/DOCRELFMT/5.2+Reference+Set+Types): tab-separated; a
simple map has a mapTarget, a simple reference set has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from terminology.codes import Coding, ValueSet
from terminology.concept_maps import ConceptMap, Equivalence
from terminology.loaders.delimited import LoadError, Row, read_rows
from terminology.sctid import is_valid_concept_id
from terminology.systems import SNOMED_CT

COLUMNS = {"active": ("active",), "refset": ("refsetId",), "concept": ("referencedComponentId",)}
MAP_COLUMNS = COLUMNS | {"target": ("mapTarget",)}


def load_simple_map(file: TextIO, refset_id: str, target_system: str, version: str) -> ConceptMap:
    """Read the active members of one simple map from SNOMED CT to codes of `target_system`."""
    rows = (row for row in read_rows(file, MAP_COLUMNS, delimiter="\t") if _is_member(row, refset_id))
    pairs = ((_concept(row), Coding(target_system, row.required("target")), Equivalence.RELATED) for row in rows)
    return ConceptMap.of(refset_url(refset_id), version, pairs)


def load_simple_refset(file: TextIO, refset_id: str) -> ValueSet:
    """Read the active members of one simple reference set as a value set."""
    return ValueSet(refset_url(refset_id), frozenset(_members(file, refset_id)))


def refset_url(refset_id: str) -> str:
    """Return the implicit value set URL of a reference set (https://hl7.org/fhir/R4/snomedct.html#implicit)."""
    return f"{SNOMED_CT}?fhir_vs=refset/{refset_id}"


def _members(file: TextIO, refset_id: str) -> Iterator[Coding]:
    for row in read_rows(file, COLUMNS, delimiter="\t"):
        if _is_member(row, refset_id):
            yield _concept(row)


def _is_member(row: Row, refset_id: str) -> bool:
    return row.fields["active"] == "1" and row.fields["refset"] == refset_id


def _concept(row: Row) -> Coding:
    identifier = row.required("concept")
    if not is_valid_concept_id(identifier):
        raise LoadError(f"line {row.line}: not a SNOMED CT concept identifier")
    return Coding(SNOMED_CT, identifier)
