"""What one PACS holds: planned studies by UID, safe to add to while they are being read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.emulated_trust.study import InstancePlan, StudyPlan


@dataclass
class Archive:
    """The studies of a trust. Adding a study again replaces it, as a PACS does with a corrected copy."""

    _studies: dict[str, StudyPlan] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, plan: StudyPlan) -> None:
        with self._lock:
            self._studies[plan.study_instance_uid] = plan

    def studies(self) -> list[StudyPlan]:
        """Newest first, the order in which people look."""
        with self._lock:
            held = list(self._studies.values())
        return sorted(held, key=lambda plan: (plan.started, plan.study_instance_uid), reverse=True)

    def find_study(self, study_instance_uid: str) -> StudyPlan | None:
        return self._studies.get(study_instance_uid)

    def find_instances(self, study: str, series: str | None = None, instance: str | None = None) -> list[Held]:
        """The objects of a study, of one of its series, or one object; empty when there is no such thing."""
        plan = self.find_study(study)
        return [] if plan is None else list(_narrow(plan, series, instance))


@dataclass(frozen=True)
class Held:
    """One object and the study that it belongs to."""

    plan: StudyPlan
    instance: InstancePlan


def _narrow(plan: StudyPlan, series: str | None, instance: str | None) -> Iterator[Held]:
    for held in plan.instances:
        if series in (None, held.series_instance_uid) and instance in (None, held.sop_instance_uid):
            yield Held(plan, held)
