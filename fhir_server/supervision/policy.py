"""When a dead child is started again: at once after a long life, later and later while it keeps dying. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """Delays in seconds. A child that lived `healthy_after_s` starts with a clean sheet."""

    delay_first_s: float = 0.1
    delay_factor: float = 2.0
    delay_max_s: float = 5.0
    healthy_after_s: float = 10.0

    def delay_s(self, failures: int) -> float:
        """How long to wait after the `failures`-th death in a row (1 is the first)."""
        return float(min(self.delay_max_s, self.delay_first_s * self.delay_factor ** min(failures - 1, 32)))


@dataclass(frozen=True)
class Life:
    """What the policy remembers of one child; times are of a monotonic clock."""

    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = 0.0

    def start(self, now: float) -> Life:
        """It runs since `now`."""
        return Life(now, self.failures, None)

    def die(self, now: float, policy: RestartPolicy) -> Life:
        """It ended at `now`; `restart_at` says when it is due again."""
        failures = 1 if now - self.started_at >= policy.healthy_after_s else self.failures + 1
        return Life(self.started_at, failures, now + policy.delay_s(failures))

    def is_due(self, now: float) -> bool:
        """Should it be started now?"""
        return self.restart_at is not None and now >= self.restart_at

    def wait_s(self, now: float) -> float:
        """Seconds until it should be started; 0 when it is due or runs."""
        return round(max(0.0, self.restart_at - now), 3) if self.restart_at is not None else 0.0
