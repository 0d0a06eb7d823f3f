"""What a message does that its version does not define: warnings from hl7apy's tables, and an explanation of it.

`find_warnings` reads tables as data and may run beside the live path. `explain` and `find_disagreements` build hl7apy's
object tree, cost tens of milliseconds and belong off it, in a process with a time limit. hl7apy's default parse drops
segments that a structure does not list, so groups are never looked for; its own validation refuses every English
PD1 and every ORM, so it is never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message as TreeMessage
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message as parse_tree

from hl7.escapes import DEFAULT_DELIMITERS
from hl7.fragments import Warning
from hl7.message import Message
from hl7.versions import FieldDefinition, nearest_version, segment_definitions
from hl7.view import Segment

# Fields that UK feeds send whatever the version they declare (HL7 UK A.3 brings them forward).
_CARRIED_FORWARD = frozenset({("PID", 31), ("PID", 32), ("PID", 33), ("PID", 34), ("PID", 35), ("MSH", 18), ("EVN", 7)})
# Required by the version, and left out by feeds that conform to A.3 or are harmless without.
_OFTEN_LEFT_OUT = frozenset({("OBR", 1), ("PID", 1), ("OBX", 1), ("PV1", 1), ("EVN", 2), ("ZDS", 1), ("NTE", 1)})
# MSH-2 holds the repetition character itself; report lines are parted by it (A.3).
_MAY_REPEAT = frozenset({("MSH", 2), ("OBX", 5)})


@dataclass(frozen=True)
class ExplainedField:
    """One field, or one component of it, in words: `PID-5.1`, "family name", "FN", and its text."""

    location: str
    name: str
    data_type: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """A message in words. `by` says who read it: hl7apy, or our own reading where hl7apy refuses the message."""

    version: str
    by: str
    fields: tuple[ExplainedField, ...]
    warnings: tuple[Warning, ...]


def find_warnings(message: Message) -> list[Warning]:
    """Segments, fields, repetitions and omissions that the declared version (or the nearest to it) does not define."""
    version = message.header.version.split("^")[0]
    definitions = segment_definitions(nearest_version(version))
    found: list[Warning] = []
    if version != nearest_version(version):
        found.append(Warning("MSH-12", "unknown-version", f"read with the dictionary of {nearest_version(version)}"))
    for segment in message.segments:
        known = definitions.get(segment.name)
        if known is None:
            if not segment.name.startswith("Z"):
                found.append(Warning(segment.name, "unknown-segment", "the version does not define this segment"))
            continue
        found += _segment_warnings(segment, known)
    return list(dict.fromkeys(found))


def _segment_warnings(segment: Segment, known: tuple[FieldDefinition, ...]) -> Iterator[Warning]:
    parts = segment.fields()
    for number in range(len(known) + 1, len(parts)):
        if parts[number] and (segment.name, number) not in _CARRIED_FORWARD:
            yield Warning(f"{segment.name}-{number}", "extra-field", "the version does not define this field")
    for definition in known:
        text = parts[definition.number] if definition.number < len(parts) else ""
        place = (segment.name, definition.number)
        location = f"{segment.name}-{definition.number}"
        if not text and definition.minimum > 0 and place not in _OFTEN_LEFT_OUT:
            yield Warning(location, "required-field", "a field that the version requires is empty")
        once = definition.maximum == 1 and place not in _MAY_REPEAT
        if once and len(segment.field(definition.number).reps()) > 1:
            yield Warning(location, "not-repeating", "a field repeats that the version lets be there once")


def explain(message: Message) -> Explanation:
    """Every field that has a value, named as its version names it: the pane that support staff read."""
    version = nearest_version(message.header.version)
    warnings = (*message.warnings, *find_warnings(message))
    tree = _tree(message, version)
    if tree is None:
        return Explanation(version, "tables", tuple(_by_tables(message, version)), warnings)
    return Explanation(version, "hl7apy", tuple(_by_tree(tree)), warnings)


def _tree(message: Message, version: str) -> TreeMessage | None:
    """hl7apy's object tree, None where it refuses the message."""
    try:
        return parse_tree(_plain_text(message, version), VALIDATION_LEVEL.TOLERANT, find_groups=False)
    except (HL7apyException, AttributeError, KeyError, IndexError, TypeError, ValueError):
        # hl7apy raises whatever it meets on text that its tables do not foresee.
        return None


def _plain_text(message: Message, version: str) -> str:
    """The message for hl7apy: CR ends, a version that it knows, no MSH-9.3 that it might not know."""
    lines = []
    for segment in message.segments:
        fields = list(segment.fields())
        if segment.name == "MSH":
            fields += [""] * (13 - len(fields))
            fields[12] = version
            del fields[1]
        lines.append(message.header.field_separator.join(fields).replace("\n", " "))
    return "\r".join(lines)


def _by_tree(tree: TreeMessage) -> Iterator[ExplainedField]:
    for segment in tree.children:
        for field in segment.children:
            location = (field.name or "").replace("_", "-", 1)
            name = str(field.long_name or "").replace("_", " ").lower()
            yield ExplainedField(location, name, str(field.datatype or ""), field.to_er7())
            parts = list(field.children)
            if len(parts) > 1:
                yield from _components(location, parts)


def _components(location: str, parts: list[TreeMessage]) -> Iterator[ExplainedField]:
    for number, part in enumerate(parts, start=1):
        position = str(part.name or "").rpartition("_")[2]
        name = str(part.long_name or "").replace("_", " ").lower()
        place = position if position.isdigit() else str(number)
        yield ExplainedField(f"{location}.{place}", name, str(part.datatype or ""), part.to_er7())


def _by_tables(message: Message, version: str) -> Iterator[ExplainedField]:
    definitions = segment_definitions(version)
    for segment in message.segments:
        known = definitions.get(segment.name, ())
        for number, text in enumerate(segment.fields()):
            if number and text:
                definition = known[number - 1] if number <= len(known) else None
                name, data_type = (definition.name, definition.data_type) if definition else ("", "")
                yield ExplainedField(f"{segment.name}-{number}", name, data_type, text)


def find_disagreements(message: Message) -> list[str]:
    """The fields (`PID-5`) that hl7apy reads otherwise than we do: the sampled check of our reading by a second one.

    Empty when both agree, and when hl7apy refuses the message.
    """
    version = nearest_version(message.header.version)
    tree = _tree(message, version)
    if tree is None or message.header.encoding_characters != DEFAULT_DELIMITERS.encoding_characters():
        return []
    if len(tree.children) != len(message.segments):
        return ["MSH"]
    found: list[str] = []
    for segment, other in zip(message.segments[1:], tree.children[1:], strict=True):
        theirs = {_comparable(field.to_er7()) for field in other.children}
        for number in range(1, len(segment.fields())):
            ours = (_comparable(rep.text) for rep in segment.field(number).reps())
            if any(text and text not in theirs for text in ours):
                found.append(f"{segment.name}-{number}")
    return found


def _comparable(text: str) -> str:
    """Without what hl7apy changes when it writes: trailing delimiters, line feeds, and escapes escaped again."""
    return text.replace("\n", " ").replace("\\E\\", "\\").rstrip("^&")
