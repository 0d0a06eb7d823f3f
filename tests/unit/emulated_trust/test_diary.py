"""A region that is started again goes on where it was."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from adapters.emulated_trust.diary import Diary
from adapters.emulated_trust.exam import LONDON
from adapters.emulated_trust.exam_maker import make_live_exam
from adapters.emulated_trust.trusts import BY_ODS


def test_story_is_told_as_it_was_told_first(tmp_path: Path) -> None:
    first = Diary(tmp_path / "diary").tell(seed=5, patients=12)
    again = Diary(tmp_path / "diary").tell(seed=5, patients=12)
    assert again.now == first.now and again.exams == first.exams


def test_other_region_begins_a_new_diary(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "diary")
    first = diary.tell(seed=5, patients=12)
    diary.note(make_live_exam(first.people[10], BY_ODS["RX1"], first.now))
    other = diary.tell(seed=6, patients=12)
    assert list(diary.live_exams(other)) == []


def test_live_exams_are_made_again_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "diary")
    region = diary.tell(seed=5, patients=12)
    exam = make_live_exam(region.people[11], BY_ODS["RWE"], datetime(2026, 7, 1, 12, 30, 5, tzinfo=LONDON))
    diary.note(exam)
    with (tmp_path / "diary").open("a") as file:
        file.write('{"person": 3, "tru')
    assert list(Diary(tmp_path / "diary").live_exams(region)) == [exam]
    assert exam.study() is not None
