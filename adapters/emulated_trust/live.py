"""Live traffic: new exams keep flowing, from order to images to report, minutes of real life told in seconds."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from adapters.emulated_trust.exam import LONDON, Course, RegionExam
from adapters.emulated_trust.exam_maker import make_live_exam
from adapters.emulated_trust.messages import TimedMessage, order, registration, result, visit
from adapters.emulated_trust.mllp_client import Stopped
from adapters.emulated_trust.region import PATIENTS_MIN, Region
from adapters.emulated_trust.systems import TrustSystems

Action = Callable[[], object]
_ARRIVE_S, _IMAGES_S, _PERFORMED_S, _PRELIMINARY_S = 4, 8, 9, 13
_REPORT_S = (18, 60)
_UNREPORTED = 0.15


@dataclass(frozen=True, order=True)
class _Due:
    when: datetime
    number: int


def run_live(
    region: Region,
    systems: Mapping[str, TrustSystems],
    stop: threading.Event,
    exams_per_minute: float = 6.0,
) -> None:
    """Start new exams at this rate and see each through; returns when `stop` is set or a RIS was closed."""
    random = Random()
    gap = timedelta(seconds=60 / exams_per_minute)
    queue: list[tuple[_Due, Action]] = []
    numbers = itertools.count()
    next_exam = datetime.now(LONDON)
    while not stop.is_set():
        now = datetime.now(LONDON)
        if now >= next_exam:
            for when, action in _new_exam(region, systems, random, now.replace(microsecond=0), stop):
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


def _new_exam(
    region: Region, systems: Mapping[str, TrustSystems], random: Random, now: datetime, stop: threading.Event
) -> Iterator[tuple[datetime, Action]]:
    """The steps of one new exam with their times. The people of the special cases are left as they are."""
    person = random.choice(region.people[PATIENTS_MIN:] or region.people)
    open_trusts = [trust for trust in region.trusts if systems[trust.ods].pacs.running]
    exam = make_live_exam(random, person, random.choice(open_trusts or region.trusts), _live_course(random, now))
    system = systems[exam.trust.ods]
    for message in _live_messages(exam):
        yield message.when, _sender(system, message)
    yield now + timedelta(seconds=_IMAGES_S), lambda: _make_images(system, exam, stop)


def _sender(system: TrustSystems, message: TimedMessage) -> Action:
    return lambda: system.send(message)


def _make_images(system: TrustSystems, exam: RegionExam, stop: threading.Event) -> None:
    plan = exam.study()
    if plan is not None:
        system.keep(plan)
        system.forward(plan, stop)


def _live_course(random: Random, now: datetime) -> Course:
    def after(seconds: int) -> datetime:
        return now + timedelta(seconds=seconds)

    reported = random.random() >= _UNREPORTED
    course = Course(now, after(_ARRIVE_S), after(_PERFORMED_S))
    if not reported:
        return course
    early = after(_PRELIMINARY_S) if random.random() < 0.3 else None
    return replace(course, preliminary=early, final=after(random.randint(*_REPORT_S)))


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
