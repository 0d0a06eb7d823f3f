"""The national imaging code list loads whatever its column titles, and a spoilt file is refused by line."""

from __future__ import annotations

import io

import pytest

from terminology.codes import Coding
from terminology.concept_maps import Equivalence
from terminology.loaders.delimited import LoadError
from terminology.loaders.nicip import load_nicip
from terminology.systems import NICIP, SNOMED_CT

HEADER = "\ufeffShort Code,Preferred Description,Modality,SNOMED CT Concept ID,Status\r\n"


def load(*lines: str, header: str = HEADER) -> object:
    return load_nicip(io.StringIO(header + "\r\n".join(lines)), "2026-04")


def test_release_gives_concepts_and_snomed_map() -> None:
    release = load_nicip(
        io.StringIO(
            HEADER + 'UABDO,"US Abdomen, whole",US,45036003,Active\r\n\r\nMAXIB,MRI Axilla Both,MR,,Retired\r\n'
        ),
        "2026-04",
    )
    concepts = release.code_system.concepts
    assert concepts["UABDO"].coding.display == "US Abdomen, whole"
    assert concepts["UABDO"].properties == {"modality": "US"}
    assert (concepts["UABDO"].active, concepts["MAXIB"].active) == (True, False)
    (mapping,) = release.to_snomed.mappings
    assert (mapping.source, mapping.target) == (Coding(NICIP, "UABDO"), Coding(SNOMED_CT, "45036003"))
    assert mapping.equivalence is Equivalence.EQUIVALENT


def test_titles_of_another_release_and_tabs_are_read() -> None:
    release = load_nicip(io.StringIO("NICIP code\tTerm\nUABDO\tUS Abdomen\n"), "2010", delimiter="\t")
    assert list(release.code_system.concepts) == ["UABDO"]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["UABDO,US Abdomen,US,45036003,Active", "UABDO,US Abdomen,US,,Active"], "line 3"),
        ([",US Abdomen,US,,Active"], "line 2"),
        (["UABDO,,US,,Active"], "line 2"),
        (["UABDO,US Abdomen,US,4.50E+07,Active"], "line 2"),
        (["UABDO,US Abdomen,US,45036000,Active"], "line 2"),
        (["U ABDO,US Abdomen,US,,Active"], "line 2"),
        (["UABDO," + "x" * 5000 + ",US,,Active"], "line 2"),
        (["UABDO," + "x" * 200_000 + ",US,,Active"], "line 2"),
    ],
)
def test_spoilt_row_is_refused_by_line(lines: list[str], line: str) -> None:
    with pytest.raises(LoadError, match=line):
        load(*lines)


@pytest.mark.parametrize("header", ["", "A,B\r\n"])
def test_file_without_the_columns_is_refused(header: str) -> None:
    with pytest.raises(LoadError, match="line 1: there is no column for code"):
        load("UABDO,x", header=header)
