"""What a running region must remember over a restart: when its story was told, and the live exams since.

Without it a region started again tomorrow would tell a story one day later about the same studies, and the PACSs would
have lost the images of live exams that the record still knows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from adapters.emulated_trust.exam import LONDON, RegionExam
from adapters.emulated_trust.exam_maker import make_live_exam
from adapters.emulated_trust.region import Region
from adapters.emulated_trust.trusts import BY_ODS


class Diary:
    """A file of one JSON line for the story and one for each live exam. A line cut short by a crash is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, seed: int, patients: int) -> Region:
        """The region of the first telling if seed and patients are the same; else a new one, and a new diary."""
        lines = self._lines()
        if lines and (lines[0].get("seed"), lines[0].get("patients")) == (seed, patients):
            return Region(seed, patients, datetime.fromisoformat(str(lines[0]["now"])))
        region = Region(seed, patients)
        line = {"seed": seed, "patients": patients, "now": region.now.isoformat()}
        self._path.write_text(json.dumps(line) + "\n", encoding="utf-8")
        return region

    def note(self, exam: RegionExam) -> None:
        line = {"person": exam.person.number, "trust": exam.trust.ods, "ordered": exam.course.ordered.isoformat()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def live_exams(self, region: Region) -> Iterator[RegionExam]:
        """The exams noted so far, made again from who, where and when."""
        for line in self._lines()[1:]:
            ordered = datetime.fromisoformat(str(line["ordered"])).astimezone(LONDON)
            yield make_live_exam(region.people[int(str(line["person"]))], BY_ODS[str(line["trust"])], ordered)

    def _lines(self) -> list[dict[str, object]]:
        if not self._path.exists():
            return []
        return [line for line in map(_parse, self._path.read_text(encoding="utf-8").splitlines()) if line is not None]


def _parse(text: str) -> dict[str, object] | None:
    try:
        line: dict[str, object] = json.loads(text)
    except ValueError:
        return None
    return line
