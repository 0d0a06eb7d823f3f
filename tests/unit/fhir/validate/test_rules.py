"""Invariants written by hand: each refuses what the published rule refuses and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from conformance.definitions import definitions
from fhir_server.fhir.validate import validate_resource
from fhir_server.fhir.validate.rules import RULES, in_order
from tests.unit.fhir.validate.resources import CONDITION, DROP, OBSERVATION, PATIENT, TRANSACTION, spoil

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
APPOINTMENT: Json = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2026-01-05T08:00:00Z",
    "end": "2026-01-05T08:20:00Z",
    "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
}
ORGANIZATION: Json = {"resourceType": "Organization", "name": "Invented Trust"}
TASK: Json = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "authoredOn": "2026-01-05T08:00:00+00:00",
    "lastModified": "2026-01-05T08:00:00Z",
    "restriction": {"period": {"start": "2026-01-05", "end": "2026-01-05"}},
}
SEARCHSET: Json = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "entry": [{"search": {"mode": "match"}, "resource": PATIENT}],
}
DOCUMENT: Json = {
    "resourceType": "Bundle",
    "type": "document",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"},
    "timestamp": "2026-01-05T08:00:00Z",
    "entry": [
        {
            "resource": {
                "resourceType": "Composition",
                "status": "final",
                "type": {"text": "Imaging report"},
                "date": "2026-01-05",
                "author": [{"display": "Dr Invented"}],
                "title": "Report",
                "section": [{"title": "Findings", "text": PATIENT["text"]}],
            }
        }
    ],
}
REQUEST: Json = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "code": {"text": "CT head"},
    "orderDetail": [{"text": "with contrast"}],
    "subject": {"reference": "Patient/p1"},
    "occurrenceTiming": {"repeat": {"period": 1, "periodUnit": "d"}},
    "quantityRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}},
}

KEPT = [PATIENT, OBSERVATION, CONDITION, TRANSACTION, APPOINTMENT, ORGANIZATION, TASK, SEARCHSET, DOCUMENT, REQUEST]

BROKEN: list[tuple[str, Json, str, Any]] = [
    ("ext-1", PATIENT, "extension", [{"url": "http://example.org/e"}]),
    (
        "ext-1",
        PATIENT,
        "extension",
        [{"url": "http://e", "valueCode": "x", "extension": [{"url": "a", "valueCode": "x"}]}],
    ),
    ("per-1", PATIENT, "identifier.0.period", {"start": "2021", "end": "2020-12-31"}),
    ("cpt-2", PATIENT, "telecom.0", {"value": "01632 960001"}),
    ("pat-1", PATIENT, "contact.0", {"gender": "female"}),
    ("att-1", PATIENT, "photo", [{"data": "AAAA"}]),
    ("qty-3", OBSERVATION, "valueQuantity.system", DROP),
    ("obs-3", OBSERVATION, "referenceRange.0", {"age": {"low": {"value": 1}}}),
    ("obs-6", OBSERVATION, "dataAbsentReason", {"text": "unknown"}),
    ("obs-7", OBSERVATION, "component", [{"code": OBSERVATION["code"]}]),
    ("rng-2", OBSERVATION, "referenceRange.0.age", {"low": {"value": 9}, "high": {"value": Decimal("1.5")}}),
    ("sqt-1", OBSERVATION, "referenceRange.0.low.comparator", "<"),
    ("con-1", CONDITION, "stage", [{"type": {"text": "x"}}]),
    ("con-2", CONDITION, "evidence", [{"id": "x"}]),
    ("con-4", CONDITION, "abatementString", "last year"),
    ("age-1", CONDITION, "onsetAge", {"value": 3, "system": UCUM}),
    ("app-1", APPOINTMENT, "participant.0.actor", DROP),
    ("app-2", APPOINTMENT, "end", DROP),
    ("app-3", APPOINTMENT, "end", DROP),
    ("app-4", APPOINTMENT, "cancelationReason", {"text": "x"}),
    ("org-1", ORGANIZATION, "name", DROP),
    ("org-2", ORGANIZATION, "address", [{"use": "work"}, {"use": "home"}]),
    ("org-3", ORGANIZATION, "telecom", [{"use": "home", "system": "phone", "value": "1"}]),
    ("inv-1", TASK, "lastModified", "2026-01-05T08:59:59+01:00"),
    ("bdl-1", TRANSACTION, "total", 2),
    ("bdl-2", TRANSACTION, "entry.0.search", {"mode": "match"}),
    ("bdl-3", TRANSACTION, "entry.0.request", DROP),
    ("bdl-3", SEARCHSET, "entry.0.request", {"method": "GET", "url": "Patient/1"}),
    ("bdl-4", TRANSACTION, "entry.0.response", {"status": "201"}),
    ("bdl-5", SEARCHSET, "entry.0.resource", DROP),
    ("bdl-7", TRANSACTION, "entry.1.fullUrl", "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"),
    ("bdl-8", TRANSACTION, "entry.1.fullUrl", "https://fhir.example.org/Patient/1/_history/2"),
    ("bdl-9", DOCUMENT, "identifier.system", DROP),
    ("bdl-10", DOCUMENT, "timestamp", DROP),
    ("bdl-11", DOCUMENT, "entry.0.resource", PATIENT),
    ("bdl-12", DOCUMENT, "type", "message"),
    ("cmp-1", DOCUMENT, "entry.0.resource.section.0", {"title": "Findings"}),
    ("prr-1", REQUEST, "code", DROP),
    ("rat-1", REQUEST, "quantityRatio.denominator", DROP),
    ("tim-2", REQUEST, "occurrenceTiming.repeat.periodUnit", DROP),
    ("tim-5", REQUEST, "occurrenceTiming.repeat.period", -1),
    ("tim-9", REQUEST, "occurrenceTiming.repeat.offset", 30),
    ("tim-10", REQUEST, "occurrenceTiming.repeat", {"timeOfDay": ["08:00:00"], "when": ["MORN"]}),
]


@pytest.mark.parametrize("resource", KEPT, ids=lambda resource: str(resource["resourceType"]))
def test_resource_that_keeps_its_invariants_passes(resource: Json) -> None:
    assert validate_resource(resource) == []


@pytest.mark.parametrize(("key", "resource", "path", "value"), BROKEN)
def test_broken_invariant_is_named(key: str, resource: Json, path: str, value: Any) -> None:
    issues = validate_resource(spoil(resource, path, value))
    assert key in [issue.text.rpartition("(")[2].rstrip(")") for issue in issues if issue.code == "invariant"]


def test_every_hand_written_rule_is_a_published_invariant() -> None:
    published: dict[str, set[str]] = {}
    for name, definition in definitions().types.items():
        published.setdefault(name, set()).update(rule.key for rule in definition.invariants)
        for element in definition.walk():
            published.setdefault(element.path, set()).update(rule.key for rule in element.invariants)
    assert {(place, key) for place, rules in RULES.items() for key in rules if key not in published[place]} == set()


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        ("2020", "2020-01-01", True),
        ("2021", "2020-12-31", False),
        ("2020-01-02", "2020-01-01", False),
        # A moment and a whole day: the moment's own calendar day depends on the offset, so only the month decides.
        ("2020-01-02T00:30:00+01:00", "2020-01-01", True),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00+01:00", True),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:30:00+01:00", False),
        ("2020-01-01T10:00:00.5Z", "2020-01-01T10:00:00Z", False),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:60+00:00", True),
        (None, "2020", True),
    ],
)
def test_order_of_dates_respects_precision_and_offset(start: Any, end: Any, kept: bool) -> None:
    assert in_order(start, end) is kept
