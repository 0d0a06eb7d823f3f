"""Date parameters: every value is a period [low, high) (https://hl7.org/fhir/R4/search.html#date).

A date or time that names no offset is one of the record's time zone (design decision 17), in documents and in searches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, and_, or_

from fhir_server.errors import BadRequest, UnsupportedParameter
from fhir_server.fhir.instants import instant_of
from fhir_server.search.rows import GatheredRows, MakeEmit
from fhir_server.search.values import Bound, Value

#: Where an open period begins and ends.
OPEN_LOW, OPEN_HIGH = -(2**63), 2**63 - 1
#: No date or time that is not a Period covers more than a (leap) year.
POINT_SPAN_MAX = 366 * 86_400_000_000
_END_OF_TIME = 253_402_300_800_000_000  # 10000-01-01, which datetime cannot express
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_MINUTE = 60_000_000


@lru_cache(maxsize=65536)
def parse_period(text: str, time_zone: str) -> tuple[int, int]:
    """The period [low, high), in microseconds UTC, that a date, dateTime or instant of any precision covers.

    Raises ValueError when it is none.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if hour is None:
        return _whole_days(int(year), int(month or 0), int(day or 0), ZoneInfo(time_zone))
    zone = "+00:00" if offset == "Z" else offset
    leap = second == "60"
    clock = f"{hour}:{minute}:{'59' if leap else second or '00'}"
    moment = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{zone or ''}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    low = instant_of(moment) + (1_000_000 if leap else 0)
    if second is None:
        return low, low + _MINUTE
    digits = (fraction or "")[:6]
    return (low := low + int(digits.ljust(6, "0"))), low + 10 ** (6 - len(digits))


def _whole_days(year: int, month: int, day: int, zone: ZoneInfo) -> tuple[int, int]:
    low = datetime(year, month or 1, day or 1, tzinfo=zone)
    if day:
        following = None if (year, month, day) == (9999, 12, 31) else low + timedelta(days=1)
    elif month:
        following = _make_month(year, month + 1, zone)
    else:
        following = _make_month(year, 13, zone)
    return _utc(low), _END_OF_TIME if following is None else _utc(following)


def _make_month(year: int, month: int, zone: ZoneInfo) -> datetime | None:
    year, month = (year + 1, 1) if month > 12 else (year, month)
    return None if year > 9999 else datetime(year, month, 1, tzinfo=zone)


def _utc(moment: datetime) -> int:
    return instant_of(moment.astimezone(UTC)) if moment.year > 1 else instant_of(moment.replace(tzinfo=UTC))


# --- extraction


def _emit_moment(rows: GatheredRows, number: int, value: Any) -> None:
    rows.date.add((number, *parse_period(value, rows.context.time_zone)))


def _emit_period(rows: GatheredRows, number: int, value: Any) -> None:
    _add_span(rows, number, [value])


def _emit_timing(rows: GatheredRows, number: int, value: Any) -> None:
    """Only the outer limits of a Timing are searched."""
    spans = [{"start": event, "end": event} for event in value.get("event", ()) if event is not None]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    _add_span(rows, number, [*spans, bounds] if bounds else spans)


def _add_span(rows: GatheredRows, number: int, periods: list[dict[str, Any]]) -> None:
    zone, lows, highs = rows.context.time_zone, [], []
    for period in periods:
        start, end = period.get("start"), period.get("end")
        if start or end:
            lows.append(parse_period(start, zone)[0] if start else OPEN_LOW)
            highs.append(parse_period(end, zone)[1] if end else OPEN_HIGH)
    if lows:
        low = min(lows)
        rows.date.add((number, low, max(low + 1, *highs)))


EMITTERS: Mapping[str, MakeEmit] = {
    "date": lambda _: _emit_moment,
    "dateTime": lambda _: _emit_moment,
    "instant": lambda _: _emit_moment,
    "Period": lambda _: _emit_period,
    "Timing": lambda _: _emit_timing,
}


# --- search values

PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
_LOWER_BOUNDS = frozenset({"gt", "ge", "ap"})


@dataclass(frozen=True)
class DateValue(Value):
    """A comparison of the row's period with the searched period [low, high).

    `points`: no row covers more than POINT_SPAN_MAX, so a bound on its end is one on its beginning as well, which is
    what the index is ordered by.
    """

    prefix: str
    low: int
    high: int
    points: bool = False

    def shape(self) -> tuple[object, ...]:
        return (self.prefix, self.points)

    def bound(self) -> tuple[Bound, ...]:
        if self.points and self.prefix in _LOWER_BOUNDS:
            return (self.low, self.high, self.low - POINT_SPAN_MAX)
        return (self.low, self.high)

    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        compared = compare_periods(self.prefix, row.c.low, row.c.high, binds[0], binds[1])
        return and_(row.c.low >= binds[2], compared) if len(binds) > 2 else compared

    def matches(self, row: tuple[Any, ...]) -> bool:
        low: int = row[0]
        high: int = row[1]
        inside = self.low <= low and high <= self.high
        return {
            "eq": inside,
            "ne": not inside,
            "gt": high > self.high,
            "lt": low < self.low,
            "ge": inside or high > self.high,
            "le": inside or low < self.low,
            "sa": low >= self.high,
            "eb": high <= self.low,
            "ap": low < self.high and high > self.low,
        }[self.prefix]


def compare_periods(
    prefix: str,
    low: ColumnElement[int],
    high: ColumnElement[int],
    from_: ColumnElement[Any],
    to: ColumnElement[Any],
) -> ColumnElement[bool]:
    """The condition that a row's [low, high) stands to the searched [from_, to) as the prefix says.

    Of `ge`, `le` and `eb`, the first half follows from the rest: it is there because it is a range of an index.
    """
    if prefix == "eq":
        return and_(low >= from_, low < to, high <= to)
    if prefix == "ne":
        return or_(low < from_, high > to)
    if prefix == "ge":
        return and_(high > from_, or_(low >= from_, high > to))
    if prefix == "le":
        return and_(low < to, or_(low < from_, high <= to))
    if prefix == "ap":
        return and_(low < to, high > from_)
    return {"gt": high > to, "lt": low < from_, "sa": low >= to, "eb": and_(low < from_, high <= from_)}[prefix]


def parse_date(text: str, expression: str, time_zone: str, *, now: int) -> tuple[str, int, int]:
    """Parse a date with an optional prefix into (prefix, low, high).

    `now` (microseconds UTC): `ap` is widened by a tenth of the distance to it.
    """
    prefix, moment = (text[:2], text[2:]) if text[:1].isalpha() else ("eq", text)
    if prefix not in PREFIXES and moment[:1].isdigit():
        known = ", ".join(sorted(PREFIXES))
        raise UnsupportedParameter(f"The prefix of the date is none of {known}.", expression)
    try:
        if prefix not in PREFIXES:
            raise ValueError("neither a prefix nor a date")
        # A + that was not percent-encoded arrives as a space.
        low, high = parse_period(moment.replace(" ", "+"), time_zone)
    except ValueError as error:
        raise BadRequest("Not a date or time: expected YYYY, YYYY-MM, YYYY-MM-DD or a dateTime.", expression) from error
    if prefix == "ap":
        gap = abs(now - low) // 10
        low, high = low - gap, high + gap
    return prefix, low, high
