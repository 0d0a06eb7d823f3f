"""A child comes back at once after a long life, and later and later while it keeps dying."""

from __future__ import annotations

from fhir_server.supervision.policy import Life, RestartPolicy

POLICY = RestartPolicy(delay_first_s=0.1, delay_factor=2.0, delay_max_s=5.0, healthy_after_s=10.0)


def test_new_child_is_due_at_once_and_a_running_one_never():
    assert Life().is_due(100.0)
    assert not Life().start(100.0).is_due(1e9)


def test_first_death_is_answered_within_a_second():
    died = Life().start(100.0).die(100.5, POLICY)
    assert not died.is_due(100.55)
    assert died.is_due(100.6)


def test_delays_double_up_to_the_longest():
    life, now, delays = Life(), 0.0, []
    for _ in range(9):
        life = life.start(now).die(now, POLICY)
        assert life.restart_at is not None
        delays.append(round(life.restart_at - now, 3))
        now = life.restart_at
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_long_life_wipes_the_sheet_clean():
    life = Life(started_at=0.0, failures=8, restart_at=None).die(11.0, POLICY)
    assert life.failures == 1


def test_countless_deaths_do_not_overflow():
    assert POLICY.delay_s(10**9) == 5.0
