"""FHIR instants as the record keeps them: microseconds since 1970 UTC (https://hl7.org/fhir/R4/datatypes.html#instant)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_instant(microseconds: int) -> str:
    """`2026-11-21T09:30:00.123456Z`."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(moment: datetime) -> int:
    """Microseconds of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def parse_instant(text: str) -> int:
    """Microseconds of an instant with an offset; ValueError when it is not one."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant_of(moment)
