"""The order groups of ORM, OMG, OMI and ORU: which ORC, OBR, OBX, ZDS ... belong together.

Read by walking, not by grammar: feeds leave ORC out, put NTE anywhere and add Z segments, and nothing may be lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from hl7.view import Segment


@dataclass
class OrderGroup:
    """One order line with what follows it. `notes` stand before the first OBX, `result_notes` after it."""

    orc: Segment | None = None
    obr: Segment | None = None
    tq1: Segment | None = None
    ipcs: list[Segment] = field(default_factory=list)
    zds: list[Segment] = field(default_factory=list)
    obxs: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    result_notes: list[Segment] = field(default_factory=list)
    others: list[Segment] = field(default_factory=list)

    def segments(self) -> dict[str, Segment | None]:
        """The segments that a profile's field references may name."""
        named: dict[str, Segment | None] = {segment.name: segment for segment in reversed(self.others)}
        named |= {"ORC": self.orc, "OBR": self.obr, "TQ1": self.tq1}
        named["IPC"] = self.ipcs[0] if self.ipcs else None
        named["ZDS"] = self.zds[0] if self.zds else None
        return named


def order_groups(segments: Iterable[Segment]) -> list[OrderGroup]:
    """The groups in order. An ORC, or an OBR after another OBR, begins a new one; what comes before belongs to none."""
    groups: list[OrderGroup] = []
    for segment in segments:
        if segment.name == "ORC" or (segment.name == "OBR" and (not groups or groups[-1].obr is not None)):
            groups.append(OrderGroup())
        if groups:
            _place(groups[-1], segment)
    return [group for group in groups if group.orc or group.obr]


def notes_before_orders(segments: Iterable[Segment]) -> list[Segment]:
    """NTE before the first ORC or OBR: about the person or the message, and about every order line of it."""
    before = takewhile(lambda segment: segment.name not in ("ORC", "OBR"), segments)
    return [segment for segment in before if segment.name == "NTE"]


def patient_parts(segments: Iterable[Segment]) -> list[list[Segment]]:
    """The segments parted before each PID after the first: one part for each person that the message is about."""
    parts: list[list[Segment]] = [[]]
    for segment in segments:
        if segment.name == "PID" and any(known.name == "PID" for known in parts[-1]):
            parts.append([])
        parts[-1].append(segment)
    return parts


def _place(group: OrderGroup, segment: Segment) -> None:
    match segment.name:
        case "ORC":
            group.orc = segment
        case "OBR":
            group.obr = segment
        case "TQ1" if group.tq1 is None:
            group.tq1 = segment
        case "IPC":
            group.ipcs.append(segment)
        case "ZDS":
            group.zds.append(segment)
        case "OBX":
            group.obxs.append(segment)
        case "NTE":
            (group.result_notes if group.obxs else group.notes).append(segment)
        case _:
            group.others.append(segment)
