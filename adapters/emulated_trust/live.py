"""Live traffic: new exams keep flowing, from order to images to report, minutes of real life told in seconds."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from adapters.emulated_trust.diary import Diary
from adapters.emulated_trust.exam import LONDON, RegionExam
from adapters.emulated_trust.exam_maker import make_live_exam
from adapters.emulated_trust.messages import TimedMessage, order, registration, result, visit
from adapters.emulated_trust.mllp_client import Stopped
from adapters.emulated_trust.region import PATIENTS_MIN, Region
from adapters.emulated_trust.study import StudyPlan
from adapters.emulated_trust.systems import TrustSystems

Action = Callable[[], object]


@dataclass(frozen=True, order=True)
class _Due:
    when: datetime
    number: int


def run_live(
    region: Region,
    systems: Mapping[str, TrustSystems],
    stop: threading.Event,
    exams_per_minute: float = 6.0,
    diary: Diary | None = None,
) -> None:
    """Start new exams at this rate and see each through; returns when `stop` is set or a RIS was closed.

    New exams are noted in the diary, so that the PACSs still hold their images after a restart.
    """
    gap = timedelta(seconds=60 / exams_per_minute)
    queue: list[tuple[_Due, Action]] = []
    numbers = itertools.count()
    next_exam = datetime.now(LONDON)
    while not stop.is_set():
        now = datetime.now(LONDON)
        if now >= next_exam:
            exam = _new_exam(region, systems, now.replace(microsecond=0))
            if diary is not None:
                diary.note(exam)
            for when, action in _steps(systems[exam.trust.ods], exam, stop):
                heapq.heappush(queue, (_Due(when, next(numbers)), action))
            next_exam = now + gap
        try:
            _do_what_is_due(queue, now)
        except Stopped:
            return
        upcoming = min([next_exam, *(due.when for due, _ in queue[:1])])
        stop.wait(min(max((upcoming - datetime.now(LONDON)).total_seconds(), 0.05), 1.0))


def _do_what_is_due(queue: list[tuple[_Due, Action]], now: datetime) -> None:
    while queue and queue[0][0].when <= now:
        heapq.heappop(queue)[1]()


def _new_exam(region: Region, systems: Mapping[str, TrustSystems], now: datetime) -> RegionExam:
    """Somebody new to image, where the PACS runs. The people of the special cases are left as they are."""
    random = Random()
    person = random.choice(region.people[PATIENTS_MIN:] or region.people)
    working = [trust for trust in region.trusts if trust.archive != "down" and systems[trust.ods].pacs.running]
    return make_live_exam(person, random.choice(working or region.trusts), now)


def _steps(system: TrustSystems, exam: RegionExam, stop: threading.Event) -> Iterator[tuple[datetime, Action]]:
    """What is to be done when; the images are in the archive before the RIS says that the exam is done."""
    for message in _live_messages(exam):
        yield message.when, _sender(system, message)
    plan = exam.study()
    if plan is not None:
        yield plan.started + timedelta(seconds=8), lambda: _make_images(system, plan, stop)


def _sender(system: TrustSystems, message: TimedMessage) -> Action:
    return lambda: system.send(message)


def _make_images(system: TrustSystems, plan: StudyPlan, stop: threading.Event) -> None:
    system.keep(plan)
    system.forward(plan, stop)


def _live_messages(exam: RegionExam) -> Iterator[TimedMessage]:
    course = exam.course
    arrived = course.scheduled
    yield registration(exam.person, exam.trust, course.ordered)
    yield order(exam, "ordered", course.ordered)
    yield order(exam, "scheduled", course.ordered + timedelta(seconds=1))
    yield visit(exam, "A01" if exam.patient_class == "I" else "A04", arrived)
    yield order(exam, "started", arrived + timedelta(seconds=1))
    if course.performed:
        yield order(exam, "performed", course.performed)
    if course.preliminary:
        yield result(exam, "preliminary", course.preliminary)
    if course.final:
        yield result(exam, "final", course.final)
