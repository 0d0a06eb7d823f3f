r"""A tolerant, lazy view of one HL7 v2 message: from bytes to segments without losing any (HL7 v2.5.1 chapter 2).

Accepts CR, LF and CRLF, blank lines, a byte order mark, NULs, junk before MSH, odd delimiters, wrapped text lines and
lower-case segment names; what it repaired is said in `warnings`. The one thing it needs is an MSH segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hl7.charset import decode
from hl7.escapes import DEFAULT_DELIMITERS, Delimiters, unescape
from hl7.fragments import Warning
from hl7.view import Segment

_MSH = re.compile(r"(?:^|(?<=[\r\n\x00 \t\ufeff\x0b]))MSH(?=[^\w\s\x00-\x1f])")
_MSH_ANYWHERE = re.compile(r"MSH(?=[^\w\s\x00-\x1f])")
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
# Only these are read as segments when written in lower case; any other such line is wrapped text.
_LOWER_CASE = frozenset(
    re.findall(
        "...",
        "mshevnpidpd1nk1pv1pv2mrgorcobrobxntezdsipctq1tq2al1dg1in1rolprtschaisaigailaiprgstxamsaerrspmctdfhsbhsbtsfts",
    )
)


class NoMessageHeader(Exception):
    """The bytes hold no MSH segment: the one thing without which they are no HL7 v2 message."""


@dataclass(frozen=True)
class Header:
    """What MSH says, enough to route and answer a message that may be broken otherwise. Values are unescaped."""

    field_separator: str = "|"
    encoding_characters: str = "^~\\&"
    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    date_time: str = ""
    message_type: str = ""
    trigger: str = ""
    structure: str = ""
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    accept_ack: str = ""
    application_ack: str = ""
    charset: str = ""
    # MSH-3 to MSH-6 as their components, for an answer that echoes them whole.
    parties: tuple[tuple[str, ...], ...] = ((), (), (), ())

    @property
    def event(self) -> str:
        """Message type and trigger event, such as `ADT^A08`."""
        return f"{self.message_type}^{self.trigger}" if self.trigger else self.message_type


class Message:
    """One message: its header, its segments in order, the delimiters and character set found, and what was odd."""

    def __init__(self, header: Header, segments: list[Segment], charset: str, warnings: list[Warning]) -> None:
        self.header, self.segments, self.charset, self.warnings = header, segments, charset, tuple(warnings)

    def first(self, name: str) -> Segment | None:
        return next((segment for segment in self.segments if segment.name == name), None)

    def all(self, name: str) -> list[Segment]:
        return [segment for segment in self.segments if segment.name == name]


def parse_message(raw: bytes, *, default_charset: str = "", forced_charset: str = "") -> Message:
    """The view of a message. Raises NoMessageHeader when there is no MSH, and nothing else."""
    header = peek_header(raw)
    decoded = decode(raw, header.charset, default_charset=default_charset, forced_charset=forced_charset)
    warnings = list(decoded.warnings)
    text = decoded.text
    start = _find_msh(text)
    if text[:start].strip("\ufeff \t\r\n\x0b"):
        warnings.append(Warning("MSH", "junk-before-header", "what stands before MSH was left out"))
    text = text[start:].rstrip("\x1c\x0b \t")
    delimiters = _delimiters(text, warnings)
    text = _without_controls(text, delimiters, warnings)
    segments = [Segment(name, line, delimiters, decoded.charset) for name, line in _lines(text, delimiters, warnings)]
    return Message(header, segments, decoded.charset, warnings)


def _without_controls(text: str, delimiters: Delimiters, warnings: list[Warning]) -> str:
    """No NUL and no other control character but line ends and tabs, which no FHIR string may hold."""
    found = set(_CONTROL.findall(text)) - set(delimiters.encoding_characters())
    if not found:
        return text
    warnings.append(Warning("", "control-characters", "control characters were taken out"))
    return text.translate({ord(character): " " if character == "\f" else None for character in found})


def _find_msh(text: str) -> int:
    found = _MSH.search(text) or _MSH_ANYWHERE.search(text)
    if found is None:
        raise NoMessageHeader("no MSH segment")
    return found.start()


def _delimiters(text: str, warnings: list[Warning] | None = None) -> Delimiters:
    """MSH-1 and MSH-2. Fewer than four characters switch the missing ones off; a fifth (truncation) is ignored."""
    field = text[3]
    encoding = re.split(r"[\r\n]", text[4:16].split(field)[0])[0]
    usable = 1 <= len(encoding) <= 5 and len(set(encoding)) == len(encoding) and not re.search(r"[\w\s]", encoding)
    if not usable:
        if warnings is not None:
            warnings.append(Warning("MSH-2", "encoding-characters", "unusable encoding characters; read as ^~\\&"))
        default = DEFAULT_DELIMITERS
        return Delimiters(field, default.component, default.repetition, default.escape, default.subcomponent)
    return Delimiters(field, encoding[:1], encoding[1:2], encoding[2:3], encoding[3:4])


def _lines(text: str, delimiters: Delimiters, warnings: list[Warning]) -> Iterator[tuple[str, str]]:
    """Segments as (name, text). A line that is no segment continues the last field of the one before."""
    name, parts = "", [""]
    for line in _LINE_ENDS.split(text):
        found = _segment_name(line, delimiters)
        if found:
            if name:
                yield name, "\n".join(parts)
            if line[:3] != found:
                warnings.append(Warning(found, "segment-name", "the segment's name is in lower case or indented"))
                line = found + line.lstrip()[3:]
            name, parts = found, [line]
        elif line.strip():
            parts.append(line)
            warnings.append(
                Warning(name, "wrapped-line", "a line that is no segment was read as text of the one before")
            )
    yield name, "\n".join(parts)


def _segment_name(line: str, delimiters: Delimiters) -> str:
    """The name of the segment that the line is, or an empty string."""
    name, rest = line[:3], line[3:4]
    if rest in ("", delimiters.field):
        if _NAME.fullmatch(name):
            return name
        if rest and (name.lower() in _LOWER_CASE or name[:1] in "zZ") and re.fullmatch(r"[A-Za-z]\w\w", name):
            return name.upper()
    if line[:1] in " \t":
        inner = line.lstrip()
        if inner[3:4] == delimiters.field and inner[:3].lower() in _LOWER_CASE and inner[:3].isupper():
            return inner[:3]
    return ""


def peek_header(raw: bytes) -> Header:
    """What MSH says, read from the bytes alone. Raises NoMessageHeader when there is no MSH, and nothing else."""
    at = raw.find(b"MSH")
    text = raw[max(at - 1, 0) : at + 4096].decode("latin-1") if at >= 0 else ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw[:8192].decode("utf-16", errors="replace")
    elif not _MSH_ANYWHERE.search(text):
        # MSH stood in junk first: look at the rest, once.
        text = raw.decode("latin-1")
    text = text[_find_msh(text) :]
    delimiters = _delimiters(text)
    line = _LINE_ENDS.split(text[:4096], maxsplit=1)[0].replace("\x00", "")
    return _header(line.split(delimiters.field), delimiters)


def _header(parts: list[str], delimiters: Delimiters) -> Header:
    """From the fields of MSH; parts[n - 1] is MSH-n."""

    def components(number: int) -> tuple[str, ...]:
        text = parts[number - 1] if number <= len(parts) else ""
        first = text.split(delimiters.repetition)[0] if delimiters.repetition else text
        return tuple(unescape(part, delimiters).strip() for part in first.split(delimiters.component))

    def value(number: int, component: int = 1) -> str:
        found = components(number)
        text = found[component - 1] if component <= len(found) else ""
        return "" if text == '""' else text

    return Header(
        field_separator=delimiters.field,
        encoding_characters=delimiters.encoding_characters(),
        sending_application=value(3),
        sending_facility=value(4),
        receiving_application=value(5),
        receiving_facility=value(6),
        date_time=value(7),
        message_type=value(9).upper(),
        trigger=value(9, 2).upper(),
        structure=value(9, 3).upper(),
        control_id=value(10),
        processing_id=value(11).upper(),
        version=value(12),
        accept_ack=value(15).upper(),
        application_ack=value(16).upper(),
        charset=value(18),
        parties=tuple(components(number) for number in (3, 4, 5, 6)),
    )
