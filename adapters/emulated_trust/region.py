"""The demo region's story: who was imaged where over three years and what became of it, from one seed."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from adapters.emulated_trust.exam import LONDON, RegionExam
from adapters.emulated_trust.exam_maker import HISTORY_DAYS, Wish, make_exam
from adapters.emulated_trust.messages import TimedMessage, exam_messages, merge, registration, update
from adapters.emulated_trust.people import RegionPerson, make_person
from adapters.emulated_trust.special_cases import OLD_MRN, RECIPES, CaseRecipe, SpecialCase
from adapters.emulated_trust.study import StudyPlan
from adapters.emulated_trust.trusts import TRUSTS, Trust

PATIENTS_MIN = len(RECIPES)
_EXAMS_OF_ONE = (1, 1, 2, 2, 3, 5)


class Region:
    """People, their exams and the special cases. The same seed, number of patients and `now` make the same region.

    `now` (with a zone; this moment if None) is where the story ends. The first people are those of the special cases,
    so `patients` is raised to at least their number.
    """

    def __init__(self, seed: int = 1, patients: int = 40, now: datetime | None = None) -> None:
        self.seed = seed
        self.now = (now or datetime.now(LONDON)).astimezone(LONDON)
        self._midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.trusts = TRUSTS
        self.people = tuple(make_person(seed, number) for number in range(max(patients, PATIENTS_MIN)))
        special = zip(self.people[:PATIENTS_MIN], RECIPES, strict=True)
        self.cases = {recipe.name: self._make_case(person, recipe) for person, recipe in special}
        self.exams = tuple(sorted(self._all_exams(), key=lambda exam: exam.course.ordered))

    def _make_case(self, person: RegionPerson, recipe: CaseRecipe) -> SpecialCase:
        exams = tuple(self._exam(person, index, wish) for index, wish in enumerate(recipe.wishes))
        return SpecialCase(recipe.name, recipe.what, exams, exams[recipe.shown])

    def _exam(self, person: RegionPerson, index: int, wish: Wish) -> RegionExam:
        return make_exam(self.seed, person, index, self.now, wish)

    def _all_exams(self) -> list[RegionExam]:
        exams = [exam for case in self.cases.values() for exam in case.exams]
        for person in self.people[PATIENTS_MIN:]:
            count = Random(f"{self.seed}/exams/{person.number}").choice(_EXAMS_OF_ONE)
            exams += [self._exam(person, index, Wish()) for index in range(count)]
        return exams

    def studies(self, trust: Trust) -> list[StudyPlan]:
        """What the trust's PACS holds now."""
        plans = (exam.study() for exam in self.exams if exam.trust == trust)
        return [plan for plan in plans if plan is not None]

    def messages(self, trust: Trust) -> list[TimedMessage]:
        """Everything that the trust's RIS has said up to now, in the order in which it said it."""
        said = [message for exam in self.exams if exam.trust == trust for message in exam_messages(exam)]
        said += self._registrations(trust) + self._merges(trust)
        return sorted((message for message in said if message.when <= self.now), key=lambda message: message.when)

    def _registrations(self, trust: Trust) -> list[TimedMessage]:
        """A28 for each local record before its first order, and now and then an A31 much later."""
        first: dict[tuple[int, str], RegionExam] = {}
        for exam in self.exams:
            if exam.trust == trust:
                first.setdefault((exam.person.number, exam.mrn), exam)
        messages = []
        for (number, mrn), exam in first.items():
            when = exam.course.ordered - timedelta(hours=1)
            messages.append(registration(exam.person, trust, when, mrn))
            if number % 4 == 0:
                messages.append(update(exam.person, trust, when + timedelta(days=HISTORY_DAYS // 20), mrn))
        return messages

    def _merges(self, trust: Trust) -> list[TimedMessage]:
        case = self.cases["merge"]
        if case.shown.trust != trust:
            return []
        return [merge(case.shown.person, trust, OLD_MRN, self._midnight - timedelta(days=30))]

    def manifest(self) -> list[dict[str, str]]:
        """The special cases in words, in the order in which one would show them."""
        return [case.describe() for case in self.cases.values()]
