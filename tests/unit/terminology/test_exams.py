"""The example exams: usable by the demo region, honest about what is published."""

from __future__ import annotations

import re

from terminology.exams import EXAMPLE_EXAMS, Exam, example_exams, example_terminology
from terminology.sctid import is_valid_concept_id
from terminology.systems import NICIP, SNOMED_CT
from terminology.translate import translate

PUBLISHED_NICIP = {"XCHES", "XKNEL", "XLSPN", "CCHAPC", "MHEAD", "MAULR", "MAXIB", "UABDO"}


def exam(code: str) -> Exam:
    return next(exam for exam in example_exams() if exam.coding.code == code)


def test_there_are_enough_exams_of_each_common_modality() -> None:
    exams = example_exams()
    assert len(exams) >= 25
    assert len({e.coding.code for e in exams}) == len(exams)
    assert {e.modality for e in exams} >= {"CT", "MR", "DX", "US", "MG", "NM"}


def test_only_published_nicip_codes_stand_in_the_examples() -> None:
    assert {e.nicip for e in example_exams() if e.nicip} == PUBLISHED_NICIP
    assert all(re.fullmatch(r"[A-Z]{3,10}", e.coding.code) for e in example_exams())


def test_every_snomed_identifier_is_well_formed() -> None:
    for e in example_exams():
        sites = [e.body_site, e.laterality]
        assert all(is_valid_concept_id(site.code) for site in sites if site), e.coding.code
        assert not e.snomed or is_valid_concept_id(e.snomed), e.coding.code


def test_exam_with_a_public_link_translates_to_snomed_with_its_chain() -> None:
    (found,) = translate(example_terminology(), exam("USABDO").coding, SNOMED_CT)
    assert [coding.system for coding in found.chain] == [EXAMPLE_EXAMS, NICIP, SNOMED_CT]
    assert (found.target.code, found.equivalence) == ("45036003", "equivalent")


def test_side_lost_in_snomed_makes_the_translation_wider() -> None:
    (found,) = translate(example_terminology(), exam("XRKNEEL").coding, SNOMED_CT)
    assert found.equivalence == "wider"
    assert exam("XRKNEEL").laterality is not None


def test_exam_without_a_public_link_stays_untranslated() -> None:
    assert translate(example_terminology(), exam("CTHEAD").coding, SNOMED_CT) == ()
