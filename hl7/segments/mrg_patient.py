"""MRG -> a merge of source identities (HL7 v2.5.1 chapter 3.4.10; HL7 UK A.3 on A40, A34 and A47).

The survivor is in PID-3, the loser in MRG-1. What a merge means for the record is decided where identities live.
"""

from __future__ import annotations

from hl7.fragments import BusinessKey, IdentityEvent, Unmappable
from hl7.reading import Reading
from hl7.segments.cx_identifier import PatientNumbers, read_patient_numbers
from hl7.view import Segment


def mrg_identity_events(
    mrg: Segment, survivor: PatientNumbers, reading: Reading, kind: str = "merge"
) -> list[IdentityEvent]:
    """One event for each number of MRG-1 that has a partner of the same kind in PID-3.

    Raises Unmappable when nothing can be merged or when both sides are the same.
    """
    loser = read_patient_numbers(mrg.field(1).reps(), "02", "MRG-1", reading)
    if loser.key() is None:
        raise Unmappable("no-patient-identifier", "MRG-1 holds no number that names a patient", "MRG-1")
    events = [
        IdentityEvent(kind, partner, number)
        for number in loser.local()
        if (partner := _partner(number, survivor)) and partner != number
    ]
    if not events and not loser.local() and loser.nhs and survivor.key() not in (None, loser.nhs):
        key = survivor.key()
        assert key is not None  # noqa: S101 - just asked
        events = [IdentityEvent(kind, key, loser.nhs)]
    if not events:
        raise Unmappable("merge-with-itself", "the numbers to be merged are those of the survivor", "MRG-1")
    for event in events:
        _mention_loser(event, loser, reading)
    return events


def _mention_loser(event: IdentityEvent, loser: PatientNumbers, reading: Reading) -> None:
    """A merge may arrive before anything else about the loser: it exists at least, by its number."""
    system, value = event.loser.system, event.loser.value
    named = [number for number in loser.identifiers if number["system"] == system and number["value"] == value]
    reading.mention(event.loser, {"resourceType": "Patient", "identifier": named}, {"identifier": "MRG-1"})


def _partner(loser: BusinessKey, survivor: PatientNumbers) -> BusinessKey | None:
    """A.3: the same position and the same type and authority pairs; so the partner has the loser's system."""
    same = [key for key in survivor.local() if key.system == loser.system]
    return next(iter(same), None) or survivor.key()
