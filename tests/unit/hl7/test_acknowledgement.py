"""Acknowledgements: the sender finds its own control id, and nothing about a patient."""

import pytest

from hl7.acknowledgement import (
    AcknowledgementError,
    acknowledgement_code,
    make_acknowledgement,
    wants_accept_acknowledgement,
    wants_application_acknowledgement,
)
from hl7.message import Header, parse_message, peek_header

_RAW = b"MSH|^~\\&|CRIS|RX1|REC|REGION|20240301||ORU^R01^ORU_R01|C-1\\T\\x|P|%s|||%s|%s\rPID|1||SECRET"


def _header(version: str = "2.4", accept: str = "", application: str = "") -> Header:
    return peek_header(_RAW % (version.encode(), accept.encode(), application.encode()))


def test_acknowledgement_goes_back_to_the_sender_with_its_control_id():
    ack = parse_message(make_acknowledgement(_header(), "AA"))
    header = ack.header
    assert (header.sending_application, header.sending_facility) == ("REC", "REGION")
    assert (header.receiving_application, header.receiving_facility) == ("CRIS", "RX1")
    assert header.event == "ACK^R01"
    assert ack.first("MSA").get(1) == "AA"
    assert ack.first("MSA").get(2) == "C-1&x"
    assert ack.first("MSA").field(2).text == "C-1\\T\\x"
    assert header.processing_id == "P"


def test_every_acknowledgement_has_a_control_id_of_its_own():
    ids = {parse_message(make_acknowledgement(_header(), "AA")).header.control_id for _ in range(50)}
    assert len(ids) == 50
    assert all(0 < len(control_id) <= 20 for control_id in ids)


@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5.1", "2.8"])
def test_error_names_place_and_code_and_no_patient_data(version):
    error = AcknowledgementError("PID-3", "101", "the patient has no number")
    raw = make_acknowledgement(_header(version), "AE", "not filed", [error])
    err = parse_message(raw).first("ERR")
    assert b"101" in raw
    assert b"PID" in raw
    assert b"SECRET" not in raw
    assert err.get(1 if version < "2.5" else 2) == "PID"


def test_positive_acknowledgement_carries_no_error():
    raw = make_acknowledgement(_header(), "AA", errors=[AcknowledgementError()])
    assert parse_message(raw).first("ERR") is None


def test_unknown_acknowledgement_code_is_refused():
    with pytest.raises(ValueError, match="AZ"):
        make_acknowledgement(_header(), "AZ")


def test_sender_with_odd_delimiters_is_echoed_in_the_standard_ones():
    header = peek_header(b"MSH#*~\\&#A|B*1.2*ISO#F^C###2024##ADT*A08#9#P#2.4")
    ack = parse_message(make_acknowledgement(header, "AA"))
    assert ack.header.receiving_application == "A|B"
    assert ack.header.parties[2] == ("A|B", "1.2", "ISO")
    assert ack.header.receiving_facility == "F^C"


def test_header_without_anything_can_be_answered():
    ack = parse_message(make_acknowledgement(peek_header(b"MSH|"), "AR"))
    assert ack.first("MSA").get(1) == "AR"
    assert ack.header.version == "2.4"


def test_original_mode_wants_an_application_acknowledgement():
    assert acknowledgement_code(_header(), "AA") == "AA"
    assert wants_application_acknowledgement(_header(), accepted=True)
    assert not wants_accept_acknowledgement(_header(), accepted=True)


@pytest.mark.parametrize(
    ("condition", "accepted", "wanted"),
    [
        ("AL", True, True),
        ("AL", False, True),
        ("NE", True, False),
        ("NE", False, False),
        ("SU", True, True),
        ("SU", False, False),
        ("ER", True, False),
        ("ER", False, True),
    ],
)
def test_enhanced_mode_answers_by_its_conditions(condition, accepted, wanted):
    assert wants_accept_acknowledgement(_header(accept=condition), accepted=accepted) is wanted
    header = _header(accept="NE", application=condition)
    assert wants_application_acknowledgement(header, accepted=accepted) is wanted
    assert acknowledgement_code(header, "AE") == "CE"


def test_control_id_goes_back_byte_for_byte():
    raw = "MSH|^~\\&|A|B|||2026||ADT^A08|Zoë£|P|2.4".encode()
    assert "MSA|AA|Zoë£".encode() in make_acknowledgement(peek_header(raw), "AA")
