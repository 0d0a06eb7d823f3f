"""Dates and times as people in the UK read them: `21 November 2026`, 24-hour local time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
UNKNOWN = "date not known"
_PARTIAL = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Moment:
    """A FHIR date, dateTime or instant: `at` is when it begins, `words` how it is written for people."""

    at: datetime
    words: str
    has_time: bool

    @property
    def local_day(self) -> date:
        return self.at.astimezone(LONDON).date()


def read_moment(text: object) -> Moment | None:
    """The moment of a FHIR date, dateTime or instant; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        if _PARTIAL.fullmatch(text):
            return _partial(text)
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=LONDON)
    return Moment(at, time_words(at), True)


def _partial(text: str) -> Moment:
    day = date.fromisoformat((text + "-01-01")[:10])
    words = {4: text, 7: f"{day:%B %Y}"}.get(len(text), day_words(day))
    return Moment(datetime(day.year, day.month, day.day, tzinfo=LONDON), words, False)


def day_words(day: date) -> str:
    """`1 March 2026`."""
    return f"{day.day} {day:%B %Y}"


def time_words(at: datetime) -> str:
    """`1 March 2026, 14:05`, local."""
    local = at.astimezone(LONDON)
    return f"{day_words(local.date())}, {local:%H:%M}"


def from_microseconds(us: int) -> datetime:
    """The datetime of microseconds since 1970 UTC."""
    return datetime.fromtimestamp(us / _MICROSECONDS, UTC)


def instant_words(us: int) -> str:
    """`14:05` for today, else `1 March 2026, 14:05`; from microseconds since 1970 UTC."""
    at = from_microseconds(us).astimezone(LONDON)
    return f"{at:%H:%M} today" if at.date() == today() else time_words(at)


def duration_words(seconds: float) -> str:
    """The largest unit that fits: `8 seconds`, `3 minutes`, `5 hours`, `2 days`."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return _counted(int(seconds // size), unit)
    return _counted(max(0, int(seconds)), "second")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def today() -> date:
    """The day it is in the UK."""
    return datetime.now(LONDON).date()


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def start_of_today_us() -> int:
    """Last local midnight, in microseconds since 1970 UTC."""
    return int(datetime.combine(today(), datetime.min.time(), LONDON).timestamp() * _MICROSECONDS)


def age_words(born: date, on: date) -> str:
    """Years, for small children months, weeks or days."""
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    if months < 0:
        return ""
    if months >= 24:
        return _counted(months // 12, "year")
    if months >= 3:
        return _counted(months, "month")
    days = (on - born) // timedelta(days=1)
    return _counted(days // 7, "week") if days >= 14 else _counted(days, "day")
