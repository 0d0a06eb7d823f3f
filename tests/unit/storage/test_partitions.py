"""Which time partitions a table needs around a moment."""

from __future__ import annotations

from datetime import UTC, datetime

from fhir_server.fhir.instants import format_instant, instant_of
from fhir_server.storage.partitions import due_partitions

NEW_YEARS_EVE = instant_of(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))


def test_versions_are_split_by_year() -> None:
    names = [p.name for p in due_partitions("resource_version", "last_updated", NEW_YEARS_EVE)]
    assert names == [f"resource_version_{year}" for year in (2025, 2026, 2027, 2028)]


def test_disclosures_are_split_by_month_across_the_year() -> None:
    names = [p.name for p in due_partitions("disclosure", "recorded", NEW_YEARS_EVE)]
    assert names == [f"disclosure_{month}" for month in ("2026_11", "2026_12", "2027_01", "2027_02")]


def test_partitions_meet_without_gap_or_overlap() -> None:
    partitions = due_partitions("disclosure", "recorded", NEW_YEARS_EVE)
    assert [p.high for p in partitions[:-1]] == [p.low for p in partitions[1:]]
    assert format_instant(partitions[1].low) == "2026-12-01T00:00:00.000000Z"
