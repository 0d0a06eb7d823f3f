"""Writing segments and data types in the vertical-bar encoding (HL7 v2.5.1 chapter 2.6).

A field that the message's version does not define is left out: hl7apy's version tables say which those are.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hl7.emit.parties import Address, Clinician
from hl7.escapes import escape
from hl7.versions import field_count

_LONDON = ZoneInfo("Europe/London")
_CHARSETS = {"UNICODE UTF-8": "utf-8", "8859/1": "latin-1", "": "ascii", "WINDOWS-1252": "cp1252"}
_sequence = itertools.count(1)
_run = secrets.token_hex(4).upper()


@dataclass(frozen=True)
class Sender:
    """The system that a message comes from and the one it goes to (MSH-3 to 6), and how it writes."""

    application: str
    facility: str  # the trust's ODS code
    receiving_application: str = "IMAGINGRECORD"
    receiving_facility: str = "REGION"
    version: str = "2.4"
    charset: str = "UNICODE UTF-8"
    processing_id: str = "P"
    enhanced: bool = False  # ask for a commit acknowledgement (MSH-15 AL, MSH-16 NE)


def make_control_id() -> str:
    """A message control id (MSH-10) that this and other processes have not used: 20 characters at most."""
    return f"{_run}{next(_sequence):08d}"


def timestamp(moment: datetime | date | None) -> str:
    """DTM to the second, local London time when the moment has a zone; a date alone has eight digits."""
    if moment is None:
        return ""
    if not isinstance(moment, datetime):
        return moment.strftime("%Y%m%d")
    local = moment.astimezone(_LONDON) if moment.tzinfo else moment
    return local.strftime("%Y%m%d%H%M%S")


def components(*values: str) -> str:
    return "^".join(escape(value) for value in values).rstrip("^")


def cx(value: str, authority: str, identifier_type: str) -> str:
    return components(value, "", "", authority, identifier_type) if value else ""


def xcn(clinician: Clinician | None) -> str:
    """XCN in A.3 style: the source table in component 8, the assigning authority in component 9."""
    if clinician is None:
        return ""
    who = (clinician.code, clinician.family, clinician.given, "", "", clinician.title, "")
    return components(*who, clinician.authority, clinician.authority)


def cnn(clinician: Clinician | None) -> str:
    """NDL with its first component a CNN, parts split by the subcomponent delimiter."""
    if clinician is None:
        return ""
    parts = (clinician.code, clinician.family, clinician.given, "", "", clinician.title, "", "", clinician.authority)
    return "&".join(escape(part) for part in parts).rstrip("&")


def xad(address: Address | None) -> str:
    if address is None:
        return ""
    return components(address.line, address.district, address.city, address.county, address.postcode, "", "H")


def segment(name: str, fields: Mapping[int, str], version: str) -> str:
    """One segment: fields by number, those the version does not know left out, nothing after the last value."""
    limit = field_count(version, name) or max(fields, default=0)
    last = max((number for number, value in fields.items() if value and number <= limit), default=0)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def msh(sender: Sender, message_type: str, control_id: str, when: datetime) -> str:
    accept, application = ("AL", "NE") if sender.enhanced else ("", "")
    fields = [
        "MSH", "^~\\&", escape(sender.application), escape(sender.facility), escape(sender.receiving_application),
        escape(sender.receiving_facility), timestamp(when), "", message_type, control_id, sender.processing_id,
        sender.version, "", "", accept, application, "GBR", sender.charset,
    ]  # fmt: skip
    return "|".join(fields)


def serialise(segments: Sequence[str], sender: Sender) -> bytes:
    """The payload in the sender's character set, each segment ended by CR."""
    text = "".join(part + "\r" for part in segments if part)
    return text.encode(_CHARSETS.get(sender.charset, "utf-8"), errors="replace")


def now() -> datetime:
    return datetime.now(_LONDON)
