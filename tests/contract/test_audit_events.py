"""AuditEvent through the API: every look at patient data leaves one, on both databases."""

from __future__ import annotations

from typing import Any

from tests.support.fhir_door import Door, unique


def _patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": unique("Audited")}], **more}


def _events(door: Door, query: str) -> list[dict[str, Any]]:
    answer = door.get(f"/AuditEvent?{query}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.get_json(force=True).get("entry", ())]


def test_a_read_leaves_an_event_that_names_the_patient(door: Door) -> None:
    made = door.create(_patient())
    door.get(f"/Patient/{made['id']}")
    event = _events(door, f"patient={made['id']}&subtype=read")[0]
    assert event["action"] == "R" and event["outcome"] == "0"
    assert any(e["what"].get("reference") == f"Patient/{made['id']}" for e in event["entity"])


def test_a_search_leaves_an_event_for_each_patient_it_showed(door: Door) -> None:
    family = unique("Shared")
    patients = [door.create({"resourceType": "Patient", "name": [{"family": family}]}) for _ in range(2)]
    door.get(f"/Patient?family={family}")
    for patient in patients:
        assert _events(door, f"patient={patient['id']}&subtype=search-type")[0]["action"] == "E"


def test_an_event_is_read_by_its_id_and_never_changed(door: Door) -> None:
    made = door.create(_patient())
    event = _events(door, f"patient={made['id']}")[0]
    assert door.get(f"/AuditEvent/{event['id']}").get_json(force=True)["id"] == event["id"]
    assert door.put(f"/AuditEvent/{event['id']}", json=event).status_code == 405
    assert door.delete(f"/AuditEvent/{event['id']}").status_code == 405


def test_a_refused_read_leaves_an_event_with_outcome_4(door: Door) -> None:
    missing = unique("nobody-")
    assert door.get(f"/Patient/{missing}").status_code == 404
    refused = [e for e in _events(door, "outcome=4&subtype=read&_count=200") if e["action"] == "R"]
    assert refused and all(event["outcome"] == "4" for event in refused)
