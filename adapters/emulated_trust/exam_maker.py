"""Making up exams: what was asked of whom, when and where, drawn from a seed so that it is the same in every run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from adapters.emulated_trust.catalogue import BY_CODE, CATALOGUE, CatalogueExam
from adapters.emulated_trust.exam import Course, RegionExam
from adapters.emulated_trust.people import CONSULTANTS, RADIOGRAPHERS, REPORTERS, RegionPerson
from adapters.emulated_trust.trusts import BY_ODS, TRUSTS, Trust

HISTORY_DAYS = 3 * 365
_REPORTING_DAYS_MAX = 14
_LIVE_UNREPORTED = 0.15


@dataclass(frozen=True)
class Wish:
    """What a special case fixes about an exam; everything else is drawn. `days_ago` may be negative (to come)."""

    trust: str = ""
    code: str = ""
    days_ago: int | None = None
    has_finding: bool | None = None
    course: str = "final"  # or ordered, unreported, addendum, correction
    as_pdf: bool = False
    mrn: str = ""


def make_exam(seed: int, person: RegionPerson, index: int, now: datetime, wish: Wish = Wish()) -> RegionExam:  # noqa: B008
    """Exam `index` of the person, as it stands `now` (with zone): what lies in the future has not happened."""
    key = f"{seed}/exam/{person.number}/{index}"
    random = Random(key)
    days_ago = random.randrange(1, HISTORY_DAYS)
    performed = _working_time(random, now, days_ago if wish.days_ago is None else wish.days_ago)
    drawn, chosen = _draw_trust(random, person), _draw_exam(random)
    trust = BY_ODS[wish.trust] if wish.trust else drawn
    course = _cut(_course(random, performed, wish.course), now)
    return _assemble(random, key, person, trust, BY_CODE[wish.code] if wish.code else chosen, course, wish)


def make_live_exam(person: RegionPerson, trust: Trust, ordered: datetime) -> RegionExam:
    """An exam that happens while the region runs, told in seconds; who, where and when make all the rest of it."""
    key = f"live/{person.number}/{trust.ods}/{ordered.isoformat()}"
    random = Random(key)
    return _assemble(random, key, person, trust, _draw_exam(random), _live_course(random, ordered), Wish())


def _live_course(random: Random, ordered: datetime) -> Course:
    """Arrival, pictures and report within a minute or so; some stay unreported."""
    arrived, performed = ordered + timedelta(seconds=4), ordered + timedelta(seconds=9)
    if random.random() < _LIVE_UNREPORTED:
        return Course(ordered, arrived, performed)
    early = ordered + timedelta(seconds=13) if random.random() < 0.3 else None
    return Course(ordered, arrived, performed, early, ordered + timedelta(seconds=random.randint(18, 60)))


def _assemble(  # noqa: PLR0913 (the one place where all that was drawn comes together)
    random: Random, key: str, person: RegionPerson, trust: Trust, exam: CatalogueExam, course: Course, wish: Wish
) -> RegionExam:
    finding = random.random() < 0.45
    inpatient = random.random() < 0.15
    referred_by_gp = not inpatient and random.random() < 0.4
    return RegionExam(
        key=key,
        trust=trust,
        site=random.choice(trust.sites),
        person=person,
        mrn=wish.mrn or person.mrn(trust),
        exam=exam,
        course=course,
        accession=trust.accession.format(_accession_number(key)),
        has_finding=finding if wish.has_finding is None else wish.has_finding,
        build=person.number % 2,
        indication=random.choice(exam.indications),
        requester=person.gp if referred_by_gp else random.choice(CONSULTANTS),
        radiographer=random.choice(RADIOGRAPHERS),
        reporter=random.choice(REPORTERS),
        patient_class="I" if inpatient else "O",
        priority=random.choice("RRRRAS"),
        as_pdf=wish.as_pdf,
    )


def _accession_number(key: str) -> int:
    """Seven digits from the key; a region of thousands of exams at a trust would want a counter instead."""
    return Random(f"{key}/accession").randrange(1_000_000, 9_999_999)


def _draw_trust(random: Random, person: RegionPerson) -> Trust:
    """Mostly at home, sometimes elsewhere in the region: that is what the record is for."""
    return random.choices([person.home, random.choice(TRUSTS)], [3, 1])[0]


def _draw_exam(random: Random) -> CatalogueExam:
    return random.choices(CATALOGUE, [exam.weight for exam in CATALOGUE])[0]


def _working_time(random: Random, now: datetime, days_ago: int) -> datetime:
    day = (now - timedelta(days=days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(minutes=random.randrange(8 * 60, 19 * 60), seconds=random.randrange(60))


def _course(random: Random, performed: datetime, shape: str) -> Course:
    """The whole course, as if all of it had happened."""
    ordered = performed - timedelta(days=random.randrange(1, 40), minutes=random.randrange(300))
    reported = performed + timedelta(hours=random.choice((2, 5, 26, 50, 24 * random.randrange(3, _REPORTING_DAYS_MAX))))
    early = performed + timedelta(minutes=40) if random.random() < 0.25 else None
    later = reported + timedelta(days=1, minutes=random.randrange(400))
    if shape == "unreported":
        return Course(ordered, performed, performed)
    if shape == "ordered":
        return Course(ordered, performed)
    return Course(
        ordered,
        performed,
        performed,
        early,
        reported,
        addendum=later if shape == "addendum" else None,
        correction=later if shape == "correction" else None,
    )


def _cut(course: Course, now: datetime) -> Course:
    """Take away what has not happened yet."""

    def past(when: datetime | None) -> datetime | None:
        return when if when is not None and when <= now else None

    return Course(
        min(course.ordered, now.replace(hour=0, minute=0, second=0, microsecond=0)),
        course.scheduled,
        past(course.performed),
        past(course.preliminary),
        past(course.final),
        past(course.addendum),
        past(course.correction),
    )
