"""How long a periodic job waits for its next run."""

from __future__ import annotations

import pytest

from fhir_server.jobs.periodic import PeriodicJob, next_delay


def _delay(interval_s: float, failures: int | None) -> float:
    job = PeriodicJob("job", interval_s, lambda _stop: None)
    return next_delay(job, 0 if failures is None else failures, failed=failures is not None)


@pytest.mark.parametrize(
    ("interval_s", "failures", "expected"),
    [(60, None, 60), (2, 0, 2), (2, 3, 16), (0.1, 0, 1), (2, 40, 300), (3600, 5, 3600)],
)
def test_pause_grows_with_failures_up_to_five_minutes_or_the_interval(
    interval_s: float, failures: int | None, expected: float
) -> None:
    assert _delay(interval_s, failures) == pytest.approx(expected, rel=0.11)


def test_pauses_are_spread_so_that_jobs_do_not_march_in_step() -> None:
    assert len({_delay(60, None) for _ in range(20)}) > 1
