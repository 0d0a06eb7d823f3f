r"""Escape sequences in HL7 v2 text: reading them tolerantly, writing them safely (HL7 v2.5.1 chapter 2.7).

Reading turns `\F\ \S\ \T\ \R\ \E\` into the delimiters, `\.br\ \.sp\ \.in\ \.ce\` into layout, `\Xdd..\` into bytes of
the message's character set, and drops highlighting (`\H\ \N\`). What is no known escape stays as it was sent.
https://www.hl7.eu/HL7v2x/v251/std251/ch02.html#Heading30
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# `\Xdd\` may carry this many characters of hexadecimal at most; `.sp`, `.in` and `.sk` at most this many places.
_HEX_MAX = 65536
_LAYOUT_MAX = 250


@dataclass(frozen=True)
class Delimiters:
    """MSH-1 and MSH-2: the characters that part a message. An empty escape character switches escapes off."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    def encoding_characters(self) -> str:
        return self.component + self.repetition + self.escape + self.subcomponent


DEFAULT_DELIMITERS = Delimiters()
_LAYOUT = re.compile(r"\.(br|sp|in|ti|sk|ce|fi|nf)\s*([+-]?\d*)", re.IGNORECASE)
_HEX = re.compile(r"X([0-9A-Fa-f]*)")


def unescape(text: str, delimiters: Delimiters = DEFAULT_DELIMITERS, charset: str = "utf-8") -> str:
    """The text a person would read. Unknown and unfinished sequences are kept; carriage returns become line feeds."""
    mark = delimiters.escape
    if not mark or mark not in text:
        return text
    parts = text.split(mark)
    out = [parts[0]]
    index = 1
    while index < len(parts):
        body = parts[index]
        value = _meaning(body, delimiters, charset) if index + 1 < len(parts) else None
        if value is None:
            out.append(mark + body)
            index += 1
        else:
            out.append(value + parts[index + 1])
            index += 2
    return "".join(out)


def _meaning(body: str, delimiters: Delimiters, charset: str) -> str | None:
    """What stands between two escape characters, or None when it is no escape sequence."""
    if len(body) == 1:
        return _single(body, delimiters)
    if layout := _LAYOUT.fullmatch(body):
        return _layout(layout[1].lower(), layout[2])
    if hexadecimal := _HEX.fullmatch(body):
        return _hexadecimal(hexadecimal[1], charset)
    # Locally defined (\Z..\) and character set shifts (\C..\, \M..\) carry no text of their own.
    return "" if re.fullmatch(r"(Z\w{1,8}|C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4,6})", body) else None


def _single(letter: str, delimiters: Delimiters) -> str | None:
    return {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.field if delimiters.field == "#" else None,
        "H": "",
        "N": "",
    }.get(letter)


def _layout(command: str, number: str) -> str:
    count = min(abs(int(number)) if number.strip("+-") else 1, _LAYOUT_MAX)
    if command in ("br", "ce"):
        return "\n"
    if command == "sp":
        return "\n" * count
    if command == "sk":
        return " " * count
    # Indents start a line's margin; word wrap on or off (fi, nf) changes nothing that text can show.
    return " " * count if command in ("in", "ti") and number.strip("+-") else ""


def _hexadecimal(digits: str, charset: str) -> str | None:
    if not digits or len(digits) > _HEX_MAX:
        return None
    # Seen in the wild: X000d and X0D0A for line ends, X0d alone, and an odd number of digits (a lost leading zero).
    raw = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits).replace(b"\x00", b"")
    text = raw.decode(charset, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def escape(text: str, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    r"""The text as it may stand in a field: delimiters escaped, every kind of line end as `\.br\`."""
    mark = delimiters.escape
    table = {
        mark: f"{mark}E{mark}",
        delimiters.field: f"{mark}F{mark}",
        delimiters.component: f"{mark}S{mark}",
        delimiters.repetition: f"{mark}R{mark}",
        delimiters.subcomponent: f"{mark}T{mark}",
        "\n": f"{mark}.br{mark}",
    }
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(table.get(character) or _printable(character, mark) for character in lines)


def _printable(character: str, mark: str) -> str:
    """Other control characters would break framing (VT, FS) or segments, so they travel as hexadecimal."""
    return character if character >= " " else f"{mark}X{ord(character):02X}{mark}"
