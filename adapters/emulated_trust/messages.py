"""The HL7 v2 life of people and exams at a trust: which message its RIS sends when, in its own style."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.emulated_trust.exam import RegionExam
from adapters.emulated_trust.pdf import make_pdf
from adapters.emulated_trust.people import RegionPerson
from adapters.emulated_trust.trusts import Trust
from hl7.emit import (
    Exam,
    Occasion,
    Person,
    Report,
    Sender,
    Visit,
    make_adt,
    make_merge,
    make_omg,
    make_omi,
    make_orm,
    make_oru,
)

_ORDERS: dict[str, Callable[..., bytes]] = {"ORM^O01": make_orm, "OMG^O19": make_omg, "OMI^O23": make_omi}


@dataclass(frozen=True)
class TimedMessage:
    """A payload and when the RIS sends it. `event` says why, for progress and tests ("final")."""

    when: datetime
    event: str
    payload: bytes


def make_sender(trust: Trust) -> Sender:
    return Sender(application=trust.ris, facility=trust.ods, version=trust.version)


def make_patient(person: RegionPerson, trust: Trust, mrn: str | None = None) -> Person:
    """The person as this trust's systems know them."""
    return Person(
        mrn=mrn or person.mrn(trust),
        family=person.family,
        given=person.given,
        title=person.title,
        birth_date=person.birth_date,
        gender=person.sex,
        nhs_number=person.nhs_number,
        address=person.address,
        phone=person.phone,
        gp_code=person.gp.code,
        gp_name=person.gp.family,
        practice_code=f"Y999{person.gp.code[-2:]}",
        practice_name=f"{person.gp.family} Surgery",
        ethnic_category=person.ethnic_category,
    )


def registration(person: RegionPerson, trust: Trust, when: datetime, mrn: str | None = None) -> TimedMessage:
    """A28: the trust adds the person to its index."""
    return _adt("A28", person, trust, when, mrn)


def update(person: RegionPerson, trust: Trust, when: datetime, mrn: str | None = None) -> TimedMessage:
    """A31: the person's details have changed."""
    return _adt("A31", person, trust, when, mrn)


def _adt(event: str, person: RegionPerson, trust: Trust, when: datetime, mrn: str | None) -> TimedMessage:
    occasion = _occasion(trust, when, event, str(person.number), mrn or "")
    payload = make_adt(event, make_sender(trust), make_patient(person, trust, mrn), occasion=occasion)
    return TimedMessage(when, event, payload)


def merge(person: RegionPerson, trust: Trust, loser_mrn: str, when: datetime) -> TimedMessage:
    """A40: the record under `loser_mrn` was the same person."""
    occasion = _occasion(trust, when, "A40", str(person.number), loser_mrn)
    patient = make_patient(person, trust)
    return TimedMessage(when, "A40", make_merge(make_sender(trust), patient, loser_mrn, occasion=occasion))


def exam_messages(exam: RegionExam) -> list[TimedMessage]:
    """Every message of the exam's course, in time."""
    course = exam.course
    messages = [order(exam, "ordered", course.ordered), order(exam, "scheduled", course.ordered + timedelta(seconds=1))]
    if course.performed:
        messages += _attendance(exam, course.performed)
        messages.append(order(exam, "started", course.performed - timedelta(minutes=12)))
        messages.append(order(exam, "performed", course.performed))
    messages += [result(exam, event, when) for event, when in _results(exam)]
    return sorted(messages, key=lambda message: message.when)


def _attendance(exam: RegionExam, performed: datetime) -> Iterator[TimedMessage]:
    """A04 for an outpatient; for an inpatient A01, A08 when the ward changes, A03 when they go home."""
    if exam.patient_class != "I":
        yield visit(exam, "A04", performed - timedelta(minutes=25))
        return
    yield visit(exam, "A01", performed - timedelta(hours=9))
    yield visit(exam, "A08", performed - timedelta(hours=3), ward="Ward B4")
    yield visit(exam, "A03", performed + timedelta(days=2), ward="Ward B4")


def visit(exam: RegionExam, event: str, when: datetime, ward: str = "Ward A1") -> TimedMessage:
    """ADT about the attendance: A01 or A04 it begins, A08 it changes, A03 it ends."""
    occasion = _occasion(exam.trust, when, event, exam.key)
    person = make_patient(exam.person, exam.trust, exam.mrn)
    spell = replace(_visit_of(exam), ward=ward if exam.patient_class == "I" else "Imaging")
    if event == "A03":
        spell = replace(spell, discharged_at=when)
    return TimedMessage(when, event, make_adt(event, make_sender(exam.trust), person, spell, occasion))


def _visit_of(exam: RegionExam) -> Visit:
    start = exam.course.performed or exam.course.scheduled
    return Visit(
        number=exam.visit_number,
        patient_class=exam.patient_class,
        ward="Imaging",
        site=exam.site.code,
        referring=exam.requester,
        admitted_at=start - (timedelta(hours=9) if exam.patient_class == "I" else timedelta(minutes=25)),
    )


_STEPS = {"ordered": ("NW", ""), "scheduled": ("SC", "SC"), "started": ("SC", "IP"), "performed": ("SC", "CM"),
          "cancelled": ("CA", "CA")}  # fmt: skip


def order(exam: RegionExam, event: str, when: datetime) -> TimedMessage:
    """The order, or news of it, as ORM, OMG or OMI by the trust's style."""
    control, status = _STEPS[event]
    occasion = replace(_occasion(exam.trust, when, event, exam.key), order_control=control, order_status=status)
    make = _ORDERS[exam.trust.order_style]
    person, line = make_patient(exam.person, exam.trust, exam.mrn), _exam_of(exam, event)
    spell = None if event in ("ordered", "scheduled") else _visit_of(exam)  # nobody attends before they come
    return TimedMessage(when, event, make(make_sender(exam.trust), person, [line], spell, occasion))


def _exam_of(exam: RegionExam, event: str) -> Exam:
    course = exam.course
    return Exam(
        accession=exam.accession,
        code=exam.exam.code,
        name=exam.exam.name,
        placer=exam.placer,
        modality=exam.exam.modality,
        study_uid=exam.study_instance_uid,
        priority=exam.priority,
        requested_at=course.ordered,
        scheduled_at=course.scheduled,
        performed_at=None if event in ("ordered", "scheduled", "started") else course.performed,
        requester=exam.requester,
        clinical_information=exam.indication,
        requested_procedure_id=exam.accession,
        scheduled_step_id=exam.accession,
        station_aet=f"{exam.site.code}{exam.exam.modality}1",
    )


def _results(exam: RegionExam) -> Iterator[tuple[str, datetime]]:
    course = exam.course
    times = {"preliminary": course.preliminary, "final": course.final, "addendum": course.addendum,
             "correction": course.correction}  # fmt: skip
    yield from ((event, when) for event, when in times.items() if when is not None)


def result(exam: RegionExam, event: str, when: datetime) -> TimedMessage:
    """ORU^R01: the preliminary or final report, one with an addendum, or a correction."""
    sender, person = make_sender(exam.trust), make_patient(exam.person, exam.trust, exam.mrn)
    occasion = _occasion(exam.trust, when, event, exam.key)
    report = make_report(exam, event, when)
    payload = make_oru(sender, person, [_exam_of(exam, event)], report, _visit_of(exam), occasion)
    return TimedMessage(when, event, payload)


def make_report(exam: RegionExam, event: str, when: datetime) -> Report:
    """What the report says at this point. A correction turns round what the first version said of the side."""
    lines = ("Clinical indication: " + exam.indication, "", "Findings:", *exam.narrative.findings)
    impression = exam.narrative.conclusion
    if event in ("preliminary", "final") and exam.course.correction:
        lines, impression = _wrong_side(lines), _wrong_side(impression)
    if event == "addendum":
        lines += ("", f"ADDENDUM {when:%d/%m/%Y %H:%M}", "Compared with the previous examination there is no change.")
    if event == "correction":
        lines += ("", "CORRECTED REPORT: the side was stated wrongly in the first version.")
    page = (exam.trust.name, exam.exam.name, "", *lines, "", "Conclusion:", *impression)
    return Report(
        lines=lines,
        status={"preliminary": "P", "final": "F", "addendum": "F", "correction": "C"}[event],
        reported_at=when,
        reporter=exam.reporter,
        radiographer=exam.radiographer,
        impression=impression,
        pdf=make_pdf(page) if exam.as_pdf else b"",
    )


def _wrong_side(lines: tuple[str, ...]) -> tuple[str, ...]:
    swap = {"Right": "Left", "right": "left", "Left": "Right", "left": "right"}
    return tuple(" ".join(swap.get(word, word) for word in line.split(" ")) for line in lines)


def _occasion(trust: Trust, when: datetime, *names: str) -> Occasion:
    """Control ids come from what is said and when, so that sending a history twice is sending the same messages."""
    digest = hashlib.sha256("/".join((trust.ods, when.isoformat(), *names)).encode()).hexdigest()
    return Occasion(when=when, control_id=f"{trust.ods}{digest[:16].upper()}")
