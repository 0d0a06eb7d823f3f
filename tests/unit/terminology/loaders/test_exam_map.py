"""A trust's exam table maps to the national list and tells which codes are still unmapped."""

from __future__ import annotations

import io

import pytest

from terminology.concept_maps import Equivalence
from terminology.loaders.delimited import LoadError
from terminology.loaders.exam_map import exam_code_system, load_exam_map
from terminology.memory import MemoryTerminology
from terminology.systems import NICIP
from terminology.translate import translate


def test_exam_table_translates_and_lists_what_is_unmapped() -> None:
    table = io.StringIO(
        "Exam Code,Exam Name,NICIP,Equivalence\nU34,US abdo,UABDO,\n007,Odd one,,\nK1,Knee,XKNEL,wider\n"
    )
    loaded = load_exam_map(table, "RX1-ris", "1")
    assert [coding.code for coding in loaded.unmapped] == ["007"]
    source = MemoryTerminology([loaded.code_system], [loaded.to_nicip])
    concept = source.find_concept(exam_code_system("RX1-ris"), "K1")
    assert concept is not None
    (found,) = translate(source, concept.coding, NICIP)
    assert (found.target.code, found.equivalence) == ("XKNEL", Equivalence.WIDER)


@pytest.mark.parametrize("rows", ["U34,a,UABDO,\nU34,b,UABDO,\n", ",a,UABDO,\n", "U34,a,UABDO,perhaps\n"])
def test_spoilt_table_is_refused(rows: str) -> None:
    with pytest.raises(LoadError):
        load_exam_map(io.StringIO("Code,Name,NICIP,Equivalence\n" + rows), "RX1-ris", "1")
