"""Messages that we build are conformant and say what they were told to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from hl7.conformance import find_disagreements, find_warnings
from hl7.emit import (
    Address,
    Clinician,
    Exam,
    Occasion,
    Person,
    Report,
    Sender,
    Visit,
    make_adt,
    make_merge,
    make_omg,
    make_omi,
    make_orm,
    make_oru,
)
from hl7.message import parse_message

_SENDER = Sender("CRIS", "RX1")
_PERSON = Person(
    "M1",
    "O'Testpatient|^~\\&",
    "Zoë",
    date(1970, 1, 2),
    "F",
    "9990000018",
    address=Address("1 Sample Lane", city="Nottingham", postcode="NG7 2UH"),
    phone="01150000001",
    gp_code="G9912345",
    gp_name="Sample",
    practice_code="Y99901",
)
_EXAM = Exam(
    "00123",
    "CCHES",
    "CT Chest",
    placer="P1",
    modality="CT",
    study_uid="1.2.3",
    requester=Clinician("C9912345", "Sample"),
    clinical_information="line one\nline two",
    note="first\nsecond",
    scheduled_at=datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
)
_REPORT = Report(
    ("one", "", "three"), impression=("all well",), pdf=b"%PDF-1.4", reporter=Clinician("C9912345", "Sample")
)


def _all(sender: Sender) -> dict[str, bytes]:
    return {
        "adt": make_adt("A01", sender, _PERSON, Visit("V1", "I", "Ward 1", "RX1RA")),
        "person": make_adt("A31", sender, _PERSON),
        "merge": make_merge(sender, _PERSON, "M9"),
        "orm": make_orm(sender, _PERSON, [_EXAM], Visit("V1")),
        "omg": make_omg(sender, _PERSON, [_EXAM]),
        "omi": make_omi(replace(sender, version="2.5.1"), _PERSON, [_EXAM]),
        "oru": make_oru(sender, _PERSON, [_EXAM], _REPORT),
    }


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5.1"])
def test_built_message_conforms_to_its_version(version):
    for name, raw in _all(Sender("CRIS", "RX1", version=version)).items():
        message = parse_message(raw)
        found = {(w.location, w.code) for w in find_warnings(message)}
        assert found <= {("PID-32", "extra-field")}, name
        assert message.warnings == ()


def test_hl7apy_reads_what_we_build():
    for raw in _all(_SENDER).values():
        assert find_disagreements(parse_message(raw)) == []


def test_field_that_the_version_lacks_is_left_out():
    assert len(parse_message(make_adt("A08", Sender("A", "B", version="2.3"), _PERSON)).first("PID").fields()) <= 31


def test_delimiters_and_accents_in_values_survive():
    pid = parse_message(make_adt("A08", _SENDER, _PERSON)).first("PID")
    assert pid.get(5) == "O'Testpatient|^~\\&"
    assert pid.get(5, 2) == "Zoë"


@pytest.mark.parametrize(("charset", "codec"), [("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8")])
def test_message_is_written_in_the_senders_character_set(charset, codec):
    raw = make_adt("A08", replace(_SENDER, charset=charset), _PERSON)
    assert "Zoë".encode(codec) in raw
    assert parse_message(raw).first("PID").get(5, 2) == "Zoë"


def test_control_ids_are_unique_unless_given():
    first, second = (parse_message(make_adt("A08", _SENDER, _PERSON)).header.control_id for _ in range(2))
    assert first != second
    raw = make_adt("A08", _SENDER, _PERSON, occasion=Occasion(control_id="C7"))
    assert parse_message(raw).header.control_id == "C7"


def test_times_are_local_to_london():
    raw = make_adt("A08", _SENDER, _PERSON, occasion=Occasion(when=datetime(2026, 7, 1, 8, 0, tzinfo=UTC)))
    assert parse_message(raw).header.date_time == "20260701090000"


def test_enhanced_sender_asks_for_a_commit_acknowledgement():
    header = parse_message(make_adt("A08", replace(_SENDER, enhanced=True), _PERSON)).header
    assert (header.accept_ack, header.application_ack) == ("AL", "NE")


def test_report_is_one_observation_for_each_line():
    obxs = parse_message(make_oru(_SENDER, _PERSON, [_EXAM], _REPORT)).all("OBX")
    assert [obx.get(5) for obx in obxs[:4]] == ["one", "", "three", "all well"]
    assert [obx.get(2) for obx in obxs] == ["TX", "TX", "TX", "TX", "HD", "ED"]
    assert [obx.get(1) for obx in obxs] == ["1", "2", "3", "4", "5", "6"]
