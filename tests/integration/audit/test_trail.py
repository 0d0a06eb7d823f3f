"""Reading and searching the audit trail on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_server.audit.audit_event import RenderedEvent
from fhir_server.audit.disclosure import DisclosedVersion
from fhir_server.audit.spool import DisclosureSpool
from fhir_server.audit.trail import read_audit_event, search_audit_events
from fhir_server.errors import BadRequest, NotFound, UnsupportedParameter
from fhir_server.storage.unit_of_work import Storage
from tests.unit.audit.make import NOON, make_disclosure

DAY = 86_400_000_000


@pytest.fixture
def trail(storage: Storage, directory: Path) -> tuple[Storage, Path]:
    """Ten reads a day apart of p1's reports, by two callers, and a search that touched p1, p2 and p3."""
    spool = DisclosureSpool(directory, "web")
    for day in range(10):
        spool.append(make_disclosure(day, recorded_us=NOON + day * DAY, caller_id=f"u{day % 2}"))
    entries = tuple(DisclosedVersion("ImagingStudy", f"s{p}", 1, (p,)) for p in ("p1", "p2", "p3"))
    trust = DisclosedVersion("Organization", "o1", 1)
    search = {"interaction": "search-type", "action": "E", "query": "status=available", "entries": (*entries, trust)}
    spool.append(make_disclosure(99, recorded_us=NOON + 5 * DAY + 1, **search))
    return storage, directory


def _search(trail: tuple[Storage, Path], query: str, token: str | None = None) -> list[RenderedEvent]:
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
    return search_audit_events(*trail, pairs, token)[0]


def test_search_sees_what_was_spooled_just_before(trail: tuple[Storage, Path]) -> None:
    assert len(_search(trail, "")) == 13


def test_events_come_newest_first(trail: tuple[Storage, Path]) -> None:
    times = [event.recorded_us for event in _search(trail, "_sort=-date")]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("patient=p1", 11),
        ("patient=Patient/p2", 1),
        ("patient=p2,p3", 2),
        ("patient=p9", 0),
        ("entity=DiagnosticReport/r3", 1),
        ("entity=ImagingStudy/sp2", 1),
        ("entity=Patient/p2", 1),
        ("entity=Organization/o1", 1),
        ("entity=Organization/o1&patient=p2", 0),
        ("entity=ImagingStudy/sp2&patient=p1", 0),
        ("agent=u0", 5),
        ("agent=u0,u1", 13),
        ("action=R", 10),
        ("action=E", 3),
        ("outcome=0", 13),
        ("outcome=8", 0),
        ("type=rest", 13),
        ("type=http://terminology.hl7.org/CodeSystem/audit-event-type|rest", 13),
        ("type=110103", 0),
        ("type=110100", 0),
        ("subtype=search", 3),
        ("subtype=http://hl7.org/fhir/restful-interaction|read", 10),
        ("date=2026-11-21", 1),
        ("date=ge2026-11-29", 2),
        ("date=gt2026-11-21&date=lt2026-11-24", 2),
        ("date=le2026-11-22T12:00:00Z", 2),
        ("date=sa2026-11", 0),
        ("_id=nonsense", 0),
        ("patient=p1&action=E&date=2026-11-26", 1),
    ],
)
def test_search_finds_as_many_events(trail: tuple[Storage, Path], query: str, count: int) -> None:
    assert len(_search(trail, query)) == count


@pytest.mark.parametrize("query", ["", "patient=p1", "subtype=search", "patient=p1&entity=ImagingStudy/sp2"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_pages_walk_through_every_event_once(trail: tuple[Storage, Path], query: str, count: int) -> None:
    whole = [event.resource_id for event in _search(trail, query)]
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
    walked: list[str] = []
    token: str | None = None
    while True:
        events, token = search_audit_events(*trail, [*pairs, ("_count", str(count))], token)
        walked += [event.resource_id for event in events]
        if token is None:
            break
        assert len(events) == count
    assert walked == whole


def test_event_is_read_by_its_id(trail: tuple[Storage, Path]) -> None:
    for found in _search(trail, "subtype=search"):
        event = read_audit_event(*trail, found.resource_id)
        assert event.body == found.body
        assert [e.resource_id for e in _search(trail, f"_id={found.resource_id}")] == [found.resource_id]
        assert json.loads(event.body)["resourceType"] == "AuditEvent"


@pytest.mark.parametrize("resource_id", ["1-0-1", "01-0-0", "9-9-9", "nonsense", "1-999999999999-0"])
def test_event_that_is_not_there_is_not_found(trail: tuple[Storage, Path], resource_id: str) -> None:
    with pytest.raises(NotFound):
        read_audit_event(*trail, resource_id)


def test_unknown_parameter_is_refused(trail: tuple[Storage, Path]) -> None:
    with pytest.raises(UnsupportedParameter):
        _search(trail, "pateint=p1")


@pytest.mark.parametrize("query", ["date=yesterday", "patient=Group/1", "entity=r1", "_count=many"])
def test_value_that_makes_no_sense_is_refused(trail: tuple[Storage, Path], query: str) -> None:
    with pytest.raises(BadRequest):
        _search(trail, query)


def test_forged_page_token_is_refused(trail: tuple[Storage, Path]) -> None:
    with pytest.raises(BadRequest):
        _search(trail, "", "'; DROP TABLE disclosure")
