"""Reference sets of a SNOMED CT release: active members of the wanted set only."""

from __future__ import annotations

import io

import pytest

from terminology.codes import Coding
from terminology.loaders.delimited import LoadError
from terminology.loaders.rf2 import load_simple_map, load_simple_refset, refset_url
from terminology.systems import NICIP, SNOMED_CT

COLUMNS = "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId"


def member(active: str, refset: str, concept: str, target: str | None = None) -> str:
    row = f"\nx\t20260401\t{active}\t999\t{refset}\t{concept}"
    return row if target is None else f"{row}\t{target}"


def test_simple_map_keeps_active_members_of_the_wanted_set() -> None:
    rows = member("1", "5", "45036003", "UABDO") + member("0", "5", "418062002", "MAULR") + member("1", "6", "1", "X")
    loaded = load_simple_map(io.StringIO(f"{COLUMNS}\tmapTarget{rows}"), "5", NICIP, "2026-04")
    assert [(m.source, m.target) for m in loaded.mappings] == [(Coding(SNOMED_CT, "45036003"), Coding(NICIP, "UABDO"))]


def test_simple_reference_set_is_a_value_set() -> None:
    loaded = load_simple_refset(
        io.StringIO(COLUMNS + member("1", "5", "45036003") + member("0", "5", "418062002")), "5"
    )
    assert loaded.url == refset_url("5") == "http://snomed.info/sct?fhir_vs=refset/5"
    assert loaded.codings == {Coding(SNOMED_CT, "45036003")}


def test_bad_identifier_is_refused_by_line() -> None:
    with pytest.raises(LoadError, match="line 2"):
        load_simple_refset(io.StringIO(COLUMNS + member("1", "5", "45036000")), "5")
