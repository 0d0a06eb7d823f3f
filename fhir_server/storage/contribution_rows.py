"""A contribution: what one source said about one thing, as the composition reads it (design decision 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

KEY_PREFIX = "urn:key:"


class Name(NamedTuple):
    """A business key without its resource type: the issuer's namespace and the value in it."""

    system: str
    value: str


NOBODY = Name("", "")

#: A resource type and a name in it.
Thing = tuple[str, Name]


@dataclass(frozen=True)
class Contribution:
    """One statement. Times are microseconds since 1970 UTC; `content` is FHIR JSON with `urn:key:` references.

    `key` is the strongest of the names the source gave the thing and `aliases` the others. `subject` is the source
    identity that it is about. A member of `content` that is None was cleared by the source.
    """

    contribution_id: str
    resource_type: str
    key: Name
    content: dict[str, Any]
    event_time: int
    message_time: int
    status_rank: int = 0
    authoritative: bool = True
    retracted: bool = False
    aliases: tuple[Name, ...] = ()
    subject: Name = NOBODY
    source: str = ""
    custodian: str = ""
    message_id: str = ""
    sequence: str = ""  # the control id (MSH-10) so written that a feed's own numbering sorts
    digest: str = ""
    # List elements to which this contribution adds, and the lines of a report whose source resends changed ones only.
    accumulates: tuple[str, ...] = ()
    report_lines: tuple[dict[str, Any], ...] = ()
    # (resource type, name) of things that it refers to by a name that may be joined with others; not read back.
    refers_to: tuple[tuple[str, Name], ...] = ()


class KnownContribution(NamedTuple):
    """What is needed of a stored contribution to see whether another says something new."""

    contribution_id: str
    event_time: int
    message_time: int
    digest: str
    retracted: bool


@dataclass(frozen=True)
class Identity:
    """A source identity as it resolves: `patient_id` is the regional Patient of its clinical resources.

    `home_patient_id` is the Patient that its own demographics give; the two differ while it is merged.
    """

    name: Name
    custodian: str
    patient_id: str = ""
    home_patient_id: str = ""
    merged: bool = False
    nhs_number: str = ""
    birth_date: str = ""
    contradicts_itself: bool = False

    @property
    def is_linkable(self) -> bool:
        """Whether it carries what joins identities: a verified NHS number with a birth date, not contradicted."""
        return bool(self.nhs_number and self.birth_date and not self.contradicts_itself)


@dataclass(frozen=True)
class Merge:
    """One merge in the log: while it is in force the loser's clinical resources are the survivor's."""

    event_id: str
    kind: str
    survivor: Name
    loser: Name
    source: str
    message_id: str
    event_time: int
