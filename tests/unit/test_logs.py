"""A log line holds declared fields and nothing else, whatever is thrown at it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from fhir_server import logs

NAME = "WRONGLY-LOGGED PATIENT"
EVENT = logs.event("test.filed", "An event of this test.", "feed", "seconds")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("INFO", out)
    yield out
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_event_writes_its_reference_level_and_fields(stream):
    EVENT(feed="RX1-RIS", seconds=0.2)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["feed"], line["seconds"]) == ("test.filed", "info", "RX1-RIS", 0.2)
    assert str(line["time"]).endswith("+00:00")


def test_undeclared_field_is_left_out_and_counted(stream):
    EVENT(feed="RX1-RIS", patient=NAME)
    assert NAME not in stream.getvalue()
    assert lines(stream)[0]["undeclared"] == 1


def test_error_is_its_class_and_its_source_lines_without_its_text(stream):
    try:
        raise ValueError(NAME)
    except ValueError as error:
        EVENT(exc=error)
    (line,) = lines(stream)
    assert NAME not in stream.getvalue()
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["frames"])


def test_record_of_a_library_shows_its_place_and_no_text(stream):
    logging.getLogger("some.library").warning("Query for %s", NAME)
    logging.getLogger("some.library").warning(f"Query for {NAME}")
    assert NAME not in stream.getvalue()
    assert all(
        line["logger"] == "some.library" and str(line["source"]).startswith("test_logs:") for line in lines(stream)
    )


def test_plain_record_of_ours_shows_its_constant_text_and_declared_extras(stream):
    logging.getLogger("adapters.example").warning("no answer for %s", NAME, extra={"endpoint": "RX1", "patient": NAME})
    (line,) = lines(stream)
    assert NAME not in stream.getvalue()
    assert (line["text"], line["endpoint"]) == ("no answer for %s", "RX1")


def test_field_must_be_declared_before_an_event_may_use_it():
    with pytest.raises(ValueError, match="nhs_number"):
        logs.event("test.wrong", "Not possible.", "nhs_number")


def test_reference_belongs_to_one_event():
    with pytest.raises(ValueError, match="declared twice"):
        logs.event("test.filed", "Another event.", "feed")
