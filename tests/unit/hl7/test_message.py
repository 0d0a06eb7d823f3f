"""The tolerant view of a message: nothing is lost, what was repaired is said."""

import pytest

from hl7.message import NoMessageHeader, parse_message, peek_header

_HEAD = "MSH|^~\\&|CRIS|RX1|REC|REGION|20240301101500||ADT^A08^ADT_A01|42|P|2.4"


def _parse(*lines: str, end: str = "\r", encoding: str = "utf-8", **options: str):
    return parse_message((end.join([_HEAD, *lines]) + end).encode(encoding), **options)


def _codes(message) -> list[str]:
    return [warning.code for warning in message.warnings]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_every_kind_of_line_end_parts_segments(end):
    message = _parse("PID|1||M1", "PV1|1|I", end=end)
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1"]
    assert message.warnings == ()


def test_fields_of_msh_are_numbered_as_the_standard_does():
    msh = _parse().segments[0]
    assert msh.field(1).text == "|"
    assert msh.field(2).get() == "^~\\&"
    assert msh.get(3) == "CRIS"
    assert msh.get(9, 2) == "A08"


def test_repetitions_components_and_subcomponents_are_found():
    pid = _parse("PID|1||M1^^^RX1&1.2&ISO^MR~9990000018^^^NHS^NH").first("PID")
    assert pid.field(3).rep(1).component(4).value == "NHS"
    assert pid.field(3).rep(0).component(4).sub(2) == "1.2"
    assert pid.field(3).rep(7).get(1) == ""
    assert pid.field(99).get() == ""


def test_three_states_of_a_field_are_told_apart():
    pid = _parse('PID|1||M1||""|').first("PID")
    assert pid.field(5).is_null
    assert not pid.field(5).is_absent
    assert pid.field(6).is_absent
    assert pid.field(40).is_absent
    assert pid.field(3).has_value
    assert pid.field(5).get() == ""


def test_wrapped_line_continues_the_field_before():
    message = _parse("OBX|1|TX|a||first line", "second line||||||F")
    assert message.first("OBX").field(5).rep(0).value == "first line\nsecond line"
    assert message.first("OBX").get(11) == "F"
    assert _codes(message) == ["wrapped-line"]


def test_blank_lines_are_skipped():
    assert [segment.name for segment in _parse("", "PID|1", "  ").segments] == ["MSH", "PID"]


def test_lower_case_segment_name_is_read():
    message = _parse("pid|1||M1")
    assert message.first("PID").get(3) == "M1"
    assert _codes(message) == ["segment-name"]


def test_z_segment_is_kept():
    assert _parse("ZDS|1.2.3^100^Application^DICOM").first("ZDS").get(1) == "1.2.3"


def test_byte_order_mark_is_taken_off():
    message = parse_message(b"\xef\xbb\xbf" + _HEAD.encode() + b"\rPID|1||M1")
    assert message.first("PID").get(3) == "M1"
    assert message.header.control_id == "42"


def test_message_in_utf_16_is_read():
    message = parse_message((_HEAD + "\rPID|1||M1").encode("utf-16"))
    assert message.first("PID").get(3) == "M1"


def test_junk_before_the_header_is_left_out_and_said():
    message = parse_message(b"garbage\r" + _HEAD.encode() + b"\rPID|1||M1")
    assert [segment.name for segment in message.segments] == ["MSH", "PID"]
    assert "junk-before-header" in _codes(message)


def test_odd_delimiters_are_used():
    message = parse_message(b"MSH$%~\\&$APP$FAC$$$20240101$$ADT%A08$7$P$2.4\rPID$1$$M1%%%RX1%MR")
    assert message.header.event == "ADT^A08"
    assert message.first("PID").field(3).get(4) == "RX1"


@pytest.mark.parametrize("encoding", ["^~\\", "^~\\&", "^~\\&#", "^"])
def test_one_to_five_encoding_characters_are_accepted(encoding):
    message = parse_message(f"MSH|{encoding}|APP|FAC|||20240101||ADT^A08|7|P|2.4\rPID|1||M1^^^RX1".encode())
    assert message.header.control_id == "7"
    assert message.first("PID").field(3).get(4) == "RX1"


def test_header_without_trailing_fields_is_read():
    header = peek_header(b"MSH|^~\\&|APP")
    assert header.sending_application == "APP"
    assert header.control_id == ""


@pytest.mark.parametrize("raw", [b"", b"hello", b"MSHA", b"msh|^~\\&", b"MSH", b"\x00\xff\xfe"])
def test_bytes_without_header_raise_the_one_error(raw):
    with pytest.raises(NoMessageHeader):
        parse_message(raw)
    with pytest.raises(NoMessageHeader):
        peek_header(raw)


def test_header_of_a_cut_message_is_enough_to_answer_it():
    header = peek_header(b"\x00MSH|^~\\&|CRIS^1.2^ISO|RX1|||2024||ORU^R01|A\\T\\B|P^T|2.4|||AL|NE||8859/1\rPI")
    assert (header.control_id, header.accept_ack, header.application_ack) == ("A&B", "AL", "NE")
    assert header.parties[0] == ("CRIS", "1.2", "ISO")
    assert header.processing_id == "P"
    assert header.charset == "8859/1"


def test_undeclared_utf_8_is_read():
    assert _parse("PID|1||M1||Ásgeir").first("PID").get(5) == "Ásgeir"


def test_undeclared_latin_is_read_as_windows_1252():
    message = _parse("PID|1||M1||Zoë £5 “q”", encoding="cp1252")
    assert message.first("PID").get(5) == "Zoë £5 “q”"
    assert message.charset == "cp1252"


def _declared(charset: str, text: str, encoding: str):
    head = _HEAD + "||||||" + charset
    return parse_message(f"{head}\rPID|1||M1||{text}".encode(encoding))


def test_declared_latin_is_read():
    message = _declared("8859/1", "Zoë", "latin-1")
    assert message.first("PID").get(5) == "Zoë"
    assert message.warnings == ()


def test_declared_latin_that_is_utf_8_is_read_and_flagged():
    message = _declared("8859/1", "Zoë", "utf-8")
    assert message.first("PID").get(5) == "Zoë"
    assert _codes(message) == ["charset-mismatch"]


def test_declared_utf_8_that_is_latin_is_read_and_flagged():
    message = _declared("UNICODE UTF-8", "Zoë", "latin-1")
    assert message.first("PID").get(5) == "Zoë"
    assert _codes(message) == ["charset-mismatch"]


def test_unknown_declared_character_set_is_flagged():
    assert _codes(_declared("KLINGON", "Zoë", "utf-8")) == ["charset-unknown"]


def test_forced_character_set_beats_the_declared_one():
    raw = (_HEAD + "||||||UNICODE UTF-8\rPID|1||M1||Zoë").encode("latin-1")
    assert parse_message(raw, forced_charset="8859/1").first("PID").get(5) == "Zoë"


def test_default_character_set_is_for_what_is_not_utf_8():
    raw = (_HEAD + "\rPID|1||M1||Żoë").encode("iso8859-2")
    assert parse_message(raw, default_charset="8859/2").first("PID").get(5) == "Żoë"


def test_undeclared_utf_8_is_read_whatever_the_default():
    raw = (_HEAD + "\rPID|1||M1||Zoë").encode()
    assert parse_message(raw, default_charset="WINDOWS-1252").first("PID").get(5) == "Zoë"


def test_nul_and_control_characters_are_taken_out_and_said():
    message = parse_message(_HEAD.encode() + b"\rPID|1||M\x001\x07\x00||a\\X07\\b")
    assert message.first("PID").get(3) == "M1"
    assert message.first("PID").get(5) == "ab"
    assert "control-characters" in _codes(message)
