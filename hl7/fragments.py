"""What one HL7 v2 message says, as FHIR fragments under business keys: the seam between `hl7` and the record.

A fragment is what one source says about one thing (design decision 3). References between fragments, and to things
that other messages spoke of, are written `urn:key:<ResourceType>:<system>|<value>`; ingest turns them into the
logical ids of the record. Content is FHIR R4 JSON as Python values; a member whose value is None says that the
source cleared it (HL7 v2 `""`), an absent member says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class BusinessKey:
    """What "the same" means: `system` is the issuer's namespace (a URI), `value` is unique within it."""

    resource_type: str
    system: str
    value: str

    def reference(self) -> dict[str, str]:
        """The Reference.reference member that stands for this thing until its logical id is known."""
        return {"reference": f"urn:key:{self.resource_type}:{self.system}|{self.value}"}


@dataclass(frozen=True)
class ReportLine:
    """One line of a report: `place` is what a corrected line replaces, `section` its OBX-3 suffix (IMP, ADT ...)."""

    place: str
    section: str
    text: str
    withdrawn: bool = False


@dataclass(frozen=True)
class Fragment:
    """What this message says about one resource.

    `event_time` is the business event's time (UTC) and `status_rank` the place of its status in the life of the
    thing: together they decide which of two fragments wins, whatever the order of arrival. `authoritative` is False
    where the source only mentions the thing (a PID in a report): such a fragment creates what is missing and never
    changes what another fragment set. `sources` says where each top-level element came from ("PID-5", "OBR-4").
    `accumulates` names list elements to which fragments of one thing add instead of replacing each other: one report
    of three exams may arrive as three messages that name one order each (`basedOn`).
    `report_lines` is filled for feeds that resend changed lines only: the text of the report is then the lines of all
    its fragments, each line as the latest fragment has it (`hl7.segments.obx_report.merged_lines`).
    """

    key: BusinessKey
    content: dict[str, Any]
    event_time: datetime
    status_rank: int = 0
    authoritative: bool = True
    retracted: bool = False
    aliases: tuple[BusinessKey, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    accumulates: tuple[str, ...] = ()
    report_lines: tuple[ReportLine, ...] = ()

    @property
    def resource_type(self) -> str:
        return self.key.resource_type


@dataclass(frozen=True)
class IdentityEvent:
    """A merge (ADT^A40), change of identifier, link or unlink between two source identities (Patient keys)."""

    kind: str  # "merge", "change-identifier", "link", "unlink"
    survivor: BusinessKey
    loser: BusinessKey


@dataclass(frozen=True)
class Warning:
    """Something odd that did not stop the message: a place such as "PID-7" and a sentence without patient data."""

    location: str
    code: str
    text: str


@dataclass(frozen=True)
class MappedMessage:
    """One message, mapped. `patient` is the source identity that the message is about (None when it names nobody)."""

    message_type: str  # "ADT^A08"
    control_id: str
    message_time: datetime
    patient: BusinessKey | None
    fragments: tuple[Fragment, ...]
    identity_events: tuple[IdentityEvent, ...] = ()
    warnings: tuple[Warning, ...] = ()


class Unmappable(Exception):
    """The message cannot be filed: `code` is a quarantine reason (e.g. "no-patient-identifier"), `text` explains."""

    def __init__(self, code: str, text: str, location: str = "") -> None:
        super().__init__(text)
        self.code, self.text, self.location = code, text, location
