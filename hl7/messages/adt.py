"""ADT: people and visits (A01 to A16, A21, A22, A25 to A28, A31, A38), merges (A34 A40) and new numbers (A47).

HL7 v2.5.1 chapter 3; HL7 UK A.3: a merge does not change demographics.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hl7.fragments import IdentityEvent, Unmappable
from hl7.reading import Reading
from hl7.segments.mrg_patient import mrg_identity_events
from hl7.segments.pid_patient import pid_patient, read_numbers
from hl7.segments.pv1_encounter import pv1_encounter
from hl7.view import Segment

_PERSON_ONLY = frozenset({"A28", "A31"})
_MERGES = frozenset({"A34", "A40", "A47"})
_LEFT_WITH_MESSAGE = frozenset({"NTE", "ORC", "OBR", "OBX", "MRG"})


def event_time(reading: Reading) -> datetime:
    """When it happened: EVN-6, else EVN-2 (when it was recorded), else the message's time."""
    evn = reading.message.first("EVN")
    moment = (reading.moment(evn, 6) or reading.moment(evn, 2)) if evn else None
    return moment.utc if moment else reading.message_time


def patient_segments(reading: Reading) -> tuple[Segment, Segment | None]:
    """PID and PD1. Raises Unmappable when there is no PID."""
    pid = reading.message.first("PID")
    if pid is None:
        raise Unmappable("no-patient-segment", "the message has no PID segment", "PID")
    if any(other.field(3).text != pid.field(3).text for other in reading.message.all("PID")):
        raise Unmappable("several-patients", "the message is about several people and does not part them", "PID")
    return pid, reading.message.first("PD1")


def map_adt(reading: Reading) -> list[IdentityEvent]:
    """The person, and the visit where the event is about one. ADT may change demographics."""
    when = event_time(reading)
    pid, pd1 = patient_segments(reading)
    reading.patient = pid_patient(pid, pd1, reading, when, master=True)
    _warn_of_what_stays(reading)
    pv1 = reading.message.first("PV1")
    if pv1 and reading.trigger not in _PERSON_ONLY:
        reading.encounter = pv1_encounter(pv1, reading, when, reading.trigger)
    return []


def _warn_of_what_stays(reading: Reading) -> None:
    """Notes, orders and results in ADT have no place in Patient or Encounter; they stay with the stored message."""
    left = _LEFT_WITH_MESSAGE - ({"MRG"} if reading.trigger in _MERGES else set())
    for name in dict.fromkeys(s.name for s in reading.message.segments if s.name in left):
        reading.warn(name, "segment-not-filed", "the segment has no place in a person or a visit; the message keeps it")


def map_adt_merge(reading: Reading) -> list[IdentityEvent]:
    """Every PID and MRG pair of the message; the survivor is mentioned, its demographics stay as they are."""
    when = event_time(reading)
    kind = "change-identifier" if reading.trigger == "A47" else "merge"
    events: list[IdentityEvent] = []
    _warn_of_what_stays(reading)
    for pid, pd1, mrg in _pairs(reading):
        key = pid_patient(pid, pd1, reading, when, master=False)
        reading.patient = reading.patient or key
        events += mrg_identity_events(mrg, read_numbers(pid, reading), reading, kind)
    if not events:
        raise Unmappable("no-merge-segment", "a merge without a PID and MRG pair", "MRG")
    return events


def _pairs(reading: Reading) -> Iterator[tuple[Segment, Segment | None, Segment]]:
    pid: Segment | None = None
    pd1: Segment | None = None
    for segment in reading.message.segments:
        if segment.name == "PID":
            pid, pd1 = segment, None
        elif segment.name == "PD1":
            pd1 = segment
        elif segment.name == "MRG" and pid is not None:
            yield pid, pd1, segment
