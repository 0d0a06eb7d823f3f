"""One message being read under one profile: the place where mappings find it, its times, and where they warn."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hl7.datatypes import Moment, parse_moment
from hl7.fragments import BusinessKey, Fragment, Unmappable, Warning
from hl7.message import Message
from hl7.profile import Profile
from hl7.view import Segment

_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\.(\d+))?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Reading:
    """Collects warnings and fragments while the segments of one message are mapped."""

    message: Message
    profile: Profile
    warnings: list[Warning] = field(default_factory=list)
    fragments: dict[BusinessKey, Fragment] = field(default_factory=dict)
    trigger: str = ""
    message_time: datetime = EPOCH
    patient: BusinessKey | None = None
    encounter: BusinessKey | None = None

    def warn(self, location: str, code: str, text: str) -> None:
        warning = Warning(location, code, text)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def moment(self, segment: Segment, number: int, component: int = 1) -> Moment | None:
        """The point in time in a field; one that cannot be read is warned about and left out."""
        text = segment.get(number, component)
        if not text or not text.strip("0"):
            return None
        found = parse_moment(text, self.profile.time_zone)
        if found is None:
            self.warn(f"{segment.name}-{number}", "bad-time", "not a date or time; the value was left out")
        return found

    def add(self, fragment: Fragment) -> BusinessKey:
        """Keep a fragment, one for each thing. What is said twice is joined; a mention adds nothing to a statement."""
        known = self.fragments.get(fragment.key)
        if known is None or (fragment.authoritative and not known.authoritative):
            self.fragments[fragment.key] = fragment
        elif fragment.authoritative == known.authoritative:
            self.fragments[fragment.key] = joined(known, fragment)
        return fragment.key

    def mention(self, key: BusinessKey, content: dict[str, Any], sources: dict[str, str]) -> dict[str, str]:
        """Keep a thing that the message only mentions, and give the reference to it."""
        self.add(Fragment(key, content, self.message_time, authoritative=False, sources=sources))
        return key.reference()


def joined(first: Fragment, second: Fragment) -> Fragment:
    """Two fragments of one message about the same thing, as one. Raises Unmappable when they name two people."""
    subjects = [fragment.content["subject"] for fragment in (first, second) if "subject" in fragment.content]
    if len(subjects) == 2 and subjects[0] != subjects[1]:
        raise Unmappable("several-patients", "one number stands for orders or results of several people", "PID-3")
    content = dict(first.content)
    for name, value in second.content.items():
        known = content.get(name)
        if isinstance(known, list) and isinstance(value, list):
            content[name] = known + [item for item in value if item not in known]
        else:
            content[name] = value
    later = max(first, second, key=lambda fragment: (fragment.status_rank, fragment.event_time))
    if "status" in later.content:
        content["status"] = later.content["status"]
    return Fragment(
        first.key,
        content,
        max(first.event_time, second.event_time),
        max(first.status_rank, second.status_rank),
        first.authoritative,
        first.retracted and second.retracted,
        tuple(dict.fromkeys(first.aliases + second.aliases)),
        first.sources | second.sources,
        tuple(dict.fromkeys(first.accumulates + second.accumulates)),
        first.report_lines + second.report_lines,
    )


@cache
def parse_field_reference(text: str) -> tuple[str, int, int]:
    """`OBR-4.1` as ("OBR", 4, 1); the component is 1 when none is named. Raises ValueError for anything else."""
    found = _REFERENCE.fullmatch(text)
    if not found:
        raise ValueError(f"not a field reference: {text}")
    return found[1], int(found[2]), int(found[3] or 1)


def find_value(segments: dict[str, Segment | None], references: tuple[str, ...]) -> tuple[str, str]:
    """The first value that the references find, and where it stood; two empty strings when there is none."""
    for reference in references:
        name, number, component = parse_field_reference(reference)
        segment = segments.get(name)
        value = segment.get(number, component) if segment else ""
        if value:
            return value, reference
    return "", ""
