"""What a sender meant to say, what was acknowledged, and how an observer counts it afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Kept by one sender: every intent is noted before it is tried, every acknowledgement when it is heard."""

    name: str
    intents: list[Hashable] = field(default_factory=list)
    acknowledged: set[Hashable] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    _began: dict[Hashable, float] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def intend(self, key: Hashable) -> None:
        with self._turn:
            self.intents.append(key)
            self._began[key] = time.monotonic()

    def acknowledge(self, key: Hashable) -> None:
        with self._turn:
            self.acknowledged.add(key)
            self.seconds.append(time.monotonic() - self._began[key])

    def fail(self, why: str) -> None:
        with self._turn:
            self.failures[why] += 1

    def audit(self, observed: Iterable[Hashable]) -> Verdict:
        """Compare with what is there: `observed` names each thing as often as it was found."""
        found = Counter(observed)
        lost = [key for key in self.intents if key in self.acknowledged and not found[key]]
        doubled = [key for key in self.intents if found[key] > 1]
        return Verdict(self.name, len(self.intents), len(self.acknowledged), lost, doubled)


@dataclass(frozen=True)
class Verdict:
    """`lost`: acknowledged and not there. `doubled`: there more than once, acknowledged or not."""

    name: str
    intended: int
    acknowledged: int
    lost: list[Hashable]
    doubled: list[Hashable]

    def require_good(self, at_least: int = 1) -> None:
        assert not self.lost, f"{self.name}: {len(self.lost)} of {self.acknowledged} acknowledged are lost: {self.lost}"
        assert not self.doubled, f"{self.name}: {len(self.doubled)} are there more than once: {self.doubled}"
        assert self.acknowledged >= at_least, f"{self.name}: only {self.acknowledged} were acknowledged"


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
