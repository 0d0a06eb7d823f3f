"""Messages that bear the same times: the feed's own numbering decides, the order of arrival never does."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from fhir_server.identity.facts import read_facts
from fhir_server.ingest.statements import sequence_of
from hl7.emit import Report, make_adt, make_oru
from tests.support.feed_store import at, exam, on, person, sender
from tests.unit.composition.make import record_of, said_by


def _record(*texts: str) -> dict[str, Any]:
    """What the reports, numbered from MSG8 on as they were sent, come to in whatever order they arrive."""
    reports = [Report(lines=(text,), status="F", reported_at=at(30)) for text in texts]
    sent = [
        make_oru(sender(), person("K1"), [exam()], report, occasion=on(30, f"MSG{8 + number}"))
        for number, report in enumerate(reports)
    ]
    found = []
    for order in itertools.permutations(sent):
        said = [c for arrival, raw in enumerate(order) for c in said_by(raw, f"m{arrival}")]
        found.append(record_of(said))
    assert all(record == found[0] for record in found)
    return {resource_type: content for (resource_type, _), content in found[0].items()}


def test_of_reports_of_the_same_minute_the_later_control_id_counts() -> None:
    for texts in itertools.permutations(["A mass.", "No mass.", "A cyst."]):
        found, expected = _record(*texts)["DiagnosticReport"], _record(texts[-1])["DiagnosticReport"]
        assert found["presentedForm"] == expected["presentedForm"] and found["status"] == "amended"


def test_identity_takes_the_birth_date_of_the_later_control_id() -> None:
    for years in itertools.permutations([1950, 1951, 1952]):
        said = [
            c
            for number, year in enumerate(years)
            for c in said_by(
                make_adt("A31", sender(), person("K1", born=date(year, 2, 3)), occasion=on(0, f"{99 + number}")),
                f"m{3 - number}",
            )
            if c.resource_type == "Patient"
        ]
        assert read_facts(said).birth_date[:4] == str(years[-1])


def test_numbers_in_control_ids_sort_as_numbers() -> None:
    assert sorted(["MSG10", "MSG9", "MSG0008"], key=sequence_of) == ["MSG0008", "MSG9", "MSG10"]
