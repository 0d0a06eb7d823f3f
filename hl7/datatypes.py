"""Reading single values: points in time, codes, and UIDs (HL7 v2.5.1 chapter 2A; FHIR R4 datatypes).

A value that cannot be right is answered as None or as text alone: the caller warns, nothing raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

_DTM = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)(?:-?(?P<day>\d\d)(?:[ T]?(?P<hour>\d\d)(?::?(?P<minute>\d\d)"
    r"(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?)?)?)?"
    r"\s?(?P<offset>Z|[+-](?:\d\d:?\d\d)?)?",
    re.ASCII,
)
_UK_DATE = re.compile(r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4})", re.ASCII)
_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+", re.ASCII)


@dataclass(frozen=True)
class Moment:
    """A point in time: as FHIR writes it at the precision sent (`fhir`), and in UTC, the start of what was said."""

    fhir: str
    utc: datetime
    has_time: bool

    @property
    def date(self) -> str:
        return self.fhir[:10]

    def instant(self) -> str:
        """FHIR `instant`: to the second and with an offset, whatever the precision sent."""
        return self.fhir if self.has_time else self.utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_moment(text: str, zone_name: str = "Europe/London") -> Moment | None:
    """DTM, TS, and what feeds send for it; a time without offset is local. None when it is no point in time."""
    found = _DTM.fullmatch(text.strip()) or _UK_DATE.fullmatch(text.strip())
    if not found:
        return None
    parts = {name: value for name, value in found.groupdict().items() if value}
    try:
        return _moment(parts, _offset(parts.get("offset")), zone_name)
    except (ValueError, OverflowError):
        return None


def _moment(parts: dict[str, str], offset: timezone | None, zone_name: str) -> Moment:
    year, month, day = int(parts["year"]), int(parts.get("month", "1")), int(parts.get("day", "1"))
    hour, minute, second = (int(parts.get(name, "0")) for name in ("hour", "minute", "second"))
    micro = int(parts.get("fraction", "0")[:6].ljust(6, "0"))
    has_time = "hour" in parts
    # 24:00 and leap seconds exist in feeds and not in Python.
    extra = timedelta(days=1) if hour == 24 and not minute else timedelta()
    moment = datetime(year, month, day, 0 if extra else hour, minute, min(second, 59), micro) + extra
    aware = moment.replace(tzinfo=offset or zone(zone_name))
    if year < 1800 or second > 60:
        raise ValueError("not a point in time that a record can hold")
    if has_time:
        written = aware.isoformat(timespec="milliseconds" if micro else "seconds")
    else:
        written = "-".join(parts[name] for name in ("year", "month", "day") if name in parts)
    return Moment(written, aware.astimezone(UTC), has_time)


def _offset(text: str | None) -> timezone | None:
    if not text or text in "+-":  # a sign alone is seen in the wild
        return None
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    if minutes > 14 * 60:
        raise ValueError("no such offset")
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def parse_uid(text: str) -> str | None:
    """A DICOM UID (PS3.5 section 9): dotted numbers of at most 64 characters, or None."""
    plain = text.strip().removeprefix("urn:oid:")
    return plain if len(plain) <= 64 and _UID.fullmatch(plain) else None


def is_code(text: str) -> bool:
    """Whether the text can be a FHIR `code`: no blanks at its ends, single blanks inside."""
    return bool(re.fullmatch(r"[^\s]+( [^\s]+)*", text))
