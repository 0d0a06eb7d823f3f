"""Ready means that every part works; what does not work is named, and its error's text is not shown."""

from __future__ import annotations

from fhir_server import health


def broken() -> str:
    raise ConnectionError("host db-1.internal refused user record")


def test_all_parts_working_is_ready():
    outcome = health.ready({"database": lambda: "answers", "schema": lambda: "0001"})
    assert (outcome.status, outcome.as_json()["status"]) == (200, "ready")
    assert outcome.parts["schema"] == "0001"


def test_broken_part_is_named_without_the_text_of_its_error():
    outcome = health.ready({"database": broken, "schema": lambda: "0001"})
    assert outcome.status == 503
    assert outcome.parts["database"].startswith("ConnectionError after")
    assert "db-1" not in str(outcome.as_json())


def test_live_asks_no_other_part():
    assert health.live().status == 200
