"""Warnings from the version's tables, and the message in words: nothing is dropped, nothing raises."""

import pytest

from hl7 import conformance
from hl7.conformance import explain, find_disagreements, find_warnings
from hl7.message import parse_message
from tests.unit.hl7.samples import sample

_HEAD = "MSH|^~\\&|CRIS|RX1|REC|REGION|20260301090000||ADT^A08|1|P|"


def _warnings(*lines: str, version: str = "2.4") -> set[tuple[str, str]]:
    message = parse_message("\r".join([_HEAD + version, *lines]).encode())
    return {(warning.location, warning.code) for warning in find_warnings(message)}


_PID = "PID|1||M1^^^RX1^MR||Testpatient^Ann"


def test_sound_message_has_no_warnings():
    assert _warnings("EVN|A08|20260301", _PID) == set()


def test_unknown_segment_is_named_and_a_z_segment_is_not():
    assert _warnings(_PID, "QQQ|1", "ZZ1|1") == {("QQQ", "unknown-segment")}


def test_field_beyond_the_version_is_named():
    assert _warnings(_PID + "|" * 35 + "x") == {("PID-40", "extra-field")}
    assert _warnings(_PID + "|" * 35 + "x", version="2.3") == {("PID-40", "extra-field")}


def test_field_that_uk_feeds_carry_forward_is_no_warning():
    assert _warnings(_PID + "|" * 27 + "NSTS01", version="2.3") == set()


def test_required_and_not_repeating_fields_are_named():
    assert _warnings("PID|1||||||1970~1971") == {
        ("PID-3", "required-field"),
        ("PID-5", "required-field"),
        ("PID-7", "not-repeating"),
    }


@pytest.mark.parametrize("version", ["", "2.9", "2.4.1", "banana"])
def test_unknown_version_is_said_and_read(version):
    assert ("MSH-12", "unknown-version") in _warnings(_PID, version=version)


def test_explanation_names_every_field_in_words():
    explanation = explain(parse_message(sample("orm_o01_booking")))
    assert explanation.by == "hl7apy"
    names = {field.location: (field.name, field.text) for field in explanation.fields}
    assert names["PID-5.1"] == ("family last name", "Testpatient")
    assert names["ORC-2"][0] == "placer order number"
    assert names["ZDS-1.1"][1] == "1.2.826.0.1.3680043.10.999.1"


@pytest.mark.parametrize("encoding", ["^~\\", "^~\\&#"])
def test_message_that_hl7apy_refuses_is_explained_by_the_tables(encoding):
    message = parse_message(f"MSH|{encoding}|A|B|||2026||ADT^A08|1|P|2.4\r{_PID}".encode())
    explanation = explain(message)
    assert explanation.by == "tables"
    assert ("PID-5", "patient name") in {(field.location, field.name) for field in explanation.fields}


def test_disagreement_of_readings_is_found(monkeypatch):
    message = parse_message("\r".join([_HEAD + "2.4", _PID]).encode())
    other = parse_message("\r".join([_HEAD + "2.4", _PID.replace("Ann", "Eve")]).encode())
    assert find_disagreements(message) == []
    tree = conformance._tree(other, "2.4")
    monkeypatch.setattr(conformance, "_tree", lambda *_: tree)
    assert find_disagreements(message) == ["PID-5"]
