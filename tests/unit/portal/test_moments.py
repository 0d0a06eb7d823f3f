"""Dates and times in the words of people in the UK."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fhir_server.portal.moments import age_words, duration_words, read_moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026", "2026"),
        ("2026-11", "November 2026"),
        ("2026-11-01", "1 November 2026"),
        ("2026-07-01T23:30:00Z", "2 July 2026, 00:30"),
        ("2026-01-01T09:05:00+00:00", "1 January 2026, 09:05"),
        ("2026-01-01T09:05:00.123456Z", "1 January 2026, 09:05"),
    ],
)
def test_fhir_times_are_written_in_local_time_as_precisely_as_they_are_known(text: str, words: str) -> None:
    moment = read_moment(text)
    assert moment is not None
    assert moment.words == words


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01", 7])
def test_what_is_no_time_is_none(text: object) -> None:
    assert read_moment(text) is None


def test_a_day_without_a_time_begins_at_local_midnight() -> None:
    moment = read_moment("2026-07-01")
    assert moment is not None
    assert moment.at.astimezone(UTC) == datetime(2026, 6, 30, 23, 0, tzinfo=UTC)
    assert moment.local_day == date(2026, 7, 1)


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(1986, 11, 22), "39 years"),
        (date(1986, 11, 21), "40 years"),
        (date(2025, 1, 1), "22 months"),
        (date(2026, 10, 1), "7 weeks"),
        (date(2026, 11, 20), "1 day"),
        (date(2027, 1, 1), ""),
    ],
)
def test_ages_are_in_the_unit_that_clinicians_use(born: date, age: str) -> None:
    assert age_words(born, date(2026, 11, 21)) == age


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0 seconds"), (59, "59 seconds"), (60, "1 minute"), (90000, "1 day")]
)
def test_durations_use_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
