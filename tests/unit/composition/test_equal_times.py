"""Messages that bear the same times: the one received later counts, as its feed sent it later."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from fhir_server.identity.facts import read_facts
from fhir_server.storage.inbox import new_message_id
from hl7.emit import Report, make_adt, make_oru
from tests.support.feed_store import at, exam, on, person, sender
from tests.unit.composition.make import record_of, said_by


def _record(*texts: str) -> dict[str, Any]:
    reports = [Report(lines=(text,), status="F", reported_at=at(30)) for text in texts]
    said = [
        said_by(make_oru(sender(), person("K1"), [exam()], report, occasion=on(30)), new_message_id(1_000_000 + number))
        for number, report in enumerate(reports)
    ]
    orders = itertools.permutations(range(len(said)))
    found = [record_of(c for number in order for c in said[number]) for order in orders]
    assert all(record == found[0] for record in found)
    return {resource_type: content for (resource_type, _), content in found[0].items()}


def test_of_reports_of_the_same_minute_the_last_received_counts() -> None:
    for texts in itertools.permutations(["A mass.", "No mass.", "A cyst."]):
        found, expected = _record(*texts)["DiagnosticReport"], _record(texts[-1])["DiagnosticReport"]
        assert found["presentedForm"] == expected["presentedForm"] and found["status"] == "amended"


def test_identity_takes_the_birth_date_of_the_last_received() -> None:
    for years in itertools.permutations([1950, 1951, 1952]):
        said = [
            c
            for number, year in enumerate(years)
            for c in said_by(
                make_adt("A31", sender(), person("K1", born=date(year, 2, 3)), occasion=on(0)),
                new_message_id(1_000_000 + number),
            )
            if c.resource_type == "Patient"
        ]
        assert read_facts(said).birth_date[:4] == str(years[-1])


def test_ids_of_messages_sort_by_the_microsecond_of_their_arrival() -> None:
    ids = [new_message_id(1_700_000_000_000_000 + number) for number in range(3000)]
    assert ids == sorted(ids)
