"""The timeline as a drawing: one row for each modality, one dot for each exam at its date. Geometry only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fhir_server.portal.exams import Exam
from fhir_server.portal.moments import LONDON, today

WIDTH = 600
_LEFT, _RIGHT, _TOP, _ROW = 130, 16, 30, 28
_LABELS_MAX = 8


@dataclass(frozen=True)
class Dot:
    """An exam: filled when it was reported, hollow when not."""

    x: float
    y: float
    reported: bool


@dataclass(frozen=True)
class Drawing:
    """Positions in a box of `width` by `height`; `words` is the same in one sentence for each modality."""

    width: int
    height: int
    years: tuple[tuple[float, str], ...]
    rows: tuple[tuple[float, str], ...]
    dots: tuple[Dot, ...]
    words: tuple[str, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT


def make_drawing(exams: Sequence[Exam]) -> Drawing | None:
    """The drawing of the exams whose date is known; None when fewer than two have one."""
    dated = [exam for exam in exams if exam.moment]
    if len(dated) < 2:
        return None
    scale = _Scale([exam.moment.at for exam in dated if exam.moment])
    names = sorted({name for exam in dated for name in exam.modalities})
    rows = {name: _TOP + _ROW * n + _ROW / 2 for n, name in enumerate(names)}
    dots = [
        Dot(scale.x(exam.moment.at), rows[name], bool(exam.reports))
        for exam in dated
        if exam.moment
        for name in exam.modalities
    ]
    return Drawing(
        WIDTH,
        _TOP + _ROW * len(names) + 8,
        tuple(scale.years()),
        tuple((y, name) for name, y in rows.items()),
        tuple(dots),
        tuple(_words(name, dated) for name in names),
    )


class _Scale:
    """Time to the right, whole years wide."""

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.first = min(moments).astimezone(LONDON).year
        self.last = max(max(moments).astimezone(LONDON).year, today().year)
        self._start = datetime(self.first, 1, 1, tzinfo=LONDON)
        self._span = datetime(self.last + 1, 1, 1, tzinfo=LONDON) - self._start

    def x(self, at: datetime) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * ((at - self._start) / self._span), 1)

    def years(self) -> list[tuple[float, str]]:
        """Where each year begins, with its number where there is room for it."""
        count = self.last - self.first + 1
        step = -(-count // _LABELS_MAX)
        starts = ((year, datetime(year, 1, 1, tzinfo=LONDON)) for year in range(self.first, self.last + 1))
        return [(self.x(at), str(year) if (year - self.first) % step == 0 else "") for year, at in starts]


def _words(name: str, exams: Sequence[Exam]) -> str:
    counts = Counter(exam.year for exam in exams if name in exam.modalities)
    years = ", ".join(f"{count} in {year}" for year, count in sorted(counts.items(), reverse=True))
    return f"{name}: {years}"
