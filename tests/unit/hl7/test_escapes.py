"""Escape sequences, the standard's and the odd ones of real feeds."""

import pytest

from hl7.escapes import Delimiters, escape, unescape


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("one\\.br\\two", "one\ntwo"),
        ("one\\.sp2\\two", "one\n\ntwo"),
        ("one\\.sp+2\\two", "one\n\ntwo"),
        ("\\.in4\\indented", "    indented"),
        ("a\\.sk3\\b", "a   b"),
        ("\\.ce\\title", "\ntitle"),
        ("\\H\\bold\\N\\ plain", "bold plain"),
        ("caf\\XC3A9\\", "café"),
        ("a\\X0D0A\\b", "a\nb"),
        ("a\\X000d\\b", "a\nb"),
        ("a\\X0d\\b", "a\nb"),
        ("a\\Xd\\b", "a\nb"),
        ("a\\Z01\\b", "ab"),
    ],
)
def test_escape_sequence_is_read(sent, read):
    assert unescape(sent) == read


@pytest.mark.parametrize("text", ["C:\\temp", "a\\", "\\", "\\\\", "a\\Q?\\b", "\\X\\", "\\XGG\\"])
def test_what_is_no_escape_sequence_is_kept(text):
    assert unescape(text) == text


def test_two_escapes_after_a_stray_mark_are_still_read():
    assert unescape("C:\\temp\\T\\x") == "C:\\temp&x"


def test_hexadecimal_is_read_in_the_messages_character_set():
    assert unescape("\\XA3\\5", charset="cp1252") == "£5"


def test_other_delimiters_are_read_as_declared():
    odd = Delimiters("#", "@", "*", "!", "%")
    assert unescape("a!S!b!F!c", odd) == "a@b#c"
    assert escape("a@b", odd) == "a!S!b"


def test_message_without_escape_character_is_left_alone():
    assert unescape("a\\T\\b", Delimiters("|", "^", "~", "", "")) == "a\\T\\b"


def test_control_characters_never_break_a_frame():
    assert escape("a\x1cb\x0bc\rd") == "a\\X1C\\b\\X0B\\c\\.br\\d"
