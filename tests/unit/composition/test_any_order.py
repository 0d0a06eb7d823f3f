"""Every order and repetition of a story's messages composes to the same record: all 720 of six messages."""

from __future__ import annotations

import itertools
from typing import Any

from hl7.emit import Report, Visit, make_adt, make_omg, make_oru
from tests.support.feed_store import at, exam, on, person, sender
from tests.unit.composition.make import record_of, said_by

ANNA = person("K1", 1)
VISIT = Visit(number="V1", patient_class="I", admitted_at=at(0))
UID = "1.2.826.0.1.3680043.2.1"


def _report(status: str, text: str, minutes: int) -> Report:
    return Report(lines=(text,), status=status, reported_at=at(minutes))


MESSAGES = [
    make_adt("A01", sender(), ANNA, VISIT, occasion=on(0)),
    make_omg(sender(), ANNA, [exam()], VISIT, occasion=on(5, order_control="NW")),
    make_omg(sender(), ANNA, [exam(study_uid=UID)], VISIT, occasion=on(15, order_control="SC", order_status="IP")),
    make_oru(sender(), ANNA, [exam(study_uid=UID)], _report("P", "Mass?", 30), VISIT, occasion=on(30)),
    make_oru(sender(), ANNA, [exam(study_uid=UID)], _report("F", "No mass.", 40), VISIT, occasion=on(40)),
    make_oru(sender(), ANNA, [exam(study_uid=UID)], _report("C", "A small mass.", 50), VISIT, occasion=on(50)),
]
SAID = [said_by(raw, f"m{number}") for number, raw in enumerate(MESSAGES)]


def _compose(order: tuple[int, ...]) -> dict[Any, Any]:
    return record_of(c for number in order for c in SAID[number])


def test_every_order_of_six_messages_composes_the_same_record() -> None:
    expected = _compose(tuple(range(6)))
    for order in itertools.permutations(range(6)):
        assert _compose(order) == expected


def test_repeating_any_message_changes_nothing() -> None:
    expected = _compose(tuple(range(6)))
    for order in itertools.permutations(range(6), 2):
        assert _compose((*order, *range(6), *order)) == expected


def test_the_story_ends_as_it_should() -> None:
    record = {resource_type: content for (resource_type, _), content in _compose(tuple(range(6))).items()}
    assert record["DiagnosticReport"]["status"] == "corrected"
    assert record["ServiceRequest"]["status"] == "completed"
    assert record["Task"]["status"] == "completed"
    assert record["Encounter"]["status"] == "in-progress"
