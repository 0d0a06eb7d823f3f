"""Order control (0119) and order status (0038), to ServiceRequest and to the reporting work item (Task).

Agrees with HL7's v2-to-FHIR maps where those say anything (https://build.fhir.org/ig/HL7/v2-to-fhir/); Task is ours.
Ranks: 0 requested, 1 under way (any order of arrival goes by event time), 2 ended, 3 entered in error.
"""

from __future__ import annotations

from dataclasses import dataclass

REQUEST_RANKS = {"draft": 0, "active": 1, "on-hold": 1, "completed": 2, "revoked": 2, "entered-in-error": 3}
TASK_RANKS = {
    "requested": 0,
    "accepted": 1,
    "in-progress": 1,
    "on-hold": 1,
    "rejected": 2,
    "cancelled": 2,
    "completed": 2,
    "failed": 2,
    "entered-in-error": 3,
}


@dataclass(frozen=True)
class OrderState:
    """What a code says about the order and its work item; None leaves a status as it is."""

    request: str | None = None
    task: str | None = None
    business_status: str | None = None


_CANCELLED = OrderState("revoked", "cancelled")
_ON_HOLD = OrderState("on-hold", "on-hold")

ORDER_CONTROLS = {
    "NW": OrderState("active", "requested"),
    "RO": OrderState("active", "requested"),
    "PR": OrderState("active", "requested"),
    "RQ": OrderState("active", "requested"),
    "OK": OrderState("active", "accepted"),
    "NA": OrderState("active", "accepted"),
    "SN": OrderState("active", "accepted"),
    "UA": OrderState("revoked", "rejected"),
    "XO": OrderState(),
    "XX": OrderState(),
    "XR": OrderState(),
    "OC": _CANCELLED,
    "CR": _CANCELLED,
    "DC": _CANCELLED,
    "OD": _CANCELLED,
    "DR": _CANCELLED,
    "RP": _CANCELLED,
    "RU": OrderState("active", "requested"),
    "UC": OrderState("active", None),
    "UD": OrderState("active", None),
    "OH": _ON_HOLD,
    "HR": _ON_HOLD,
    "RL": OrderState("active", "accepted"),
    "OE": OrderState("active", "accepted"),
    "OR": OrderState("active", "accepted"),
    "SC": OrderState(),
    "RE": OrderState(),
    "PA": OrderState(),
    "CH": OrderState(),
    "SS": OrderState(),
}
# A placer asks to cancel or to hold; a filler that sends the same code says that it is done.
PLACER_REQUESTS = {
    "CA": OrderState("active", None, "cancellation-requested"),
    "HD": OrderState("active", None, "hold-requested"),
}
FILLER_ANNOUNCEMENTS = {"CA": _CANCELLED, "HD": _ON_HOLD}

ORDER_STATUSES = {
    "A": OrderState("active", "in-progress"),
    "CA": _CANCELLED,
    "DC": _CANCELLED,
    "RP": _CANCELLED,
    "CM": OrderState("completed", "completed"),
    "ER": OrderState("entered-in-error", "failed"),
    "HD": _ON_HOLD,
    "IP": OrderState("active", "in-progress"),
    "SC": OrderState("active", "accepted"),
}

# Priority: table 0485 (TQ1-9, ORC-7.6, OBR-27.6) and OBR-5; P, C and T are urgent in radiology.
PRIORITIES = {
    "S": "stat",
    "A": "asap",
    "R": "routine",
    "P": "urgent",
    "C": "urgent",
    "T": "urgent",
    "PRN": "routine",
    "U": "urgent",
    "2WW": "urgent",
    "STAT": "stat",
    "ASAP": "asap",
    "URGENT": "urgent",
    "ROUTINE": "routine",
}
# Timing critical with a number and a unit: TS30, TM15, TH2, TD1.
TIMING_CRITICAL_PREFIXES = ("TS", "TM", "TH", "TD", "TW", "TL")
