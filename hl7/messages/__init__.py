"""One message -> what it says, as fragments: dispatch on MSH-9 (HL7 v2.5.1 chapter 2.15.9.9).

MSH-9.3 is often absent or wrong, so the structure follows from message type and trigger event. Whatever stands behind a
parseable MSH ends as a MappedMessage, or as Unmappable with a reason for quarantine; nothing else is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hl7.datatypes import parse_moment
from hl7.fragments import IdentityEvent, MappedMessage, Unmappable
from hl7.message import Message, NoMessageHeader, parse_message
from hl7.messages.adt import map_adt, map_adt_merge
from hl7.messages.mdm import map_mdm
from hl7.messages.omg_o19 import map_omg_o19
from hl7.messages.omi_o23 import map_omi_o23
from hl7.messages.orm_o01 import map_orm_o01
from hl7.messages.oru_r01 import map_oru_r01
from hl7.profile import Profile
from hl7.reading import EPOCH, Reading

__all__ = ["SUPPORTED", "map_message", "map_payload"]

_Mapper = Callable[[Reading], list[IdentityEvent]]
_VISIT_EVENTS = ("A01", "A02", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31")
# What a PAS sends besides: changes of class, leave, pending moves and what takes them back. All carry the person whole.
_OTHER_VISIT_EVENTS = ("A06", "A07", "A09", "A10", "A12", "A14", "A15", "A16", "A21", "A22", "A25", "A26", "A27", "A38")

# Message type and trigger event to the mapping of its structure.
SUPPORTED: dict[tuple[str, str], _Mapper] = {
    **{("ADT", event): map_adt for event in _VISIT_EVENTS + _OTHER_VISIT_EVENTS},
    **{("ADT", event): map_adt_merge for event in ("A34", "A40", "A47")},
    ("ORM", "O01"): map_orm_o01,
    ("OMG", "O19"): map_omg_o19,
    ("OMI", "O23"): map_omi_o23,
    ("ORU", "R01"): map_oru_r01,
    **{("MDM", event): map_mdm for event in ("T02", "T08", "T10", "T11")},
}
# Structures for a header whose trigger is missing (seen as ORM and ORU alone).
_DEFAULT_TRIGGERS = {"ORM": "O01", "OMG": "O19", "OMI": "O23", "ORU": "R01"}


def map_payload(raw: bytes, profile: Profile) -> MappedMessage:
    """`map_message` from the bytes, read with the profile's character set. Raises Unmappable, and nothing else."""
    try:
        message = parse_message(raw, default_charset=profile.default_charset, forced_charset=profile.forced_charset)
    except NoMessageHeader as error:
        raise Unmappable("no-message-header", "there is no MSH segment", "MSH") from error
    return map_message(message, profile)


def map_message(message: Message, profile: Profile) -> MappedMessage:
    """What the message says under a profile. Raises Unmappable, and nothing else."""
    header = message.header
    reading = Reading(message, profile, list(message.warnings))
    reading.message_time = _message_time(reading)
    if header.processing_id.split("^")[0] not in profile.processing_ids:
        raise Unmappable("processing-id", "the processing id (MSH-11) is not accepted on this feed", "MSH-11")
    if len(message.all("MSH")) > 1:
        raise Unmappable("several-messages", "the frame holds more than one message", "MSH")
    kind, reading.trigger = _event(message)
    events = _mapper(kind, reading)(reading)
    return MappedMessage(
        message_type=f"{kind}^{reading.trigger}",
        control_id=header.control_id,
        message_time=reading.message_time,
        patient=reading.patient,
        fragments=tuple(reading.fragments.values()),
        identity_events=tuple(events),
        warnings=tuple(reading.warnings),
    )


def _event(message: Message) -> tuple[str, str]:
    """(message type, trigger): MSH-9.2, else EVN-1, else what MSH-9.3 or the type alone implies."""
    header = message.header
    kind, trigger = header.message_type, header.trigger
    if "_" in kind:
        kind, _, trigger = kind.partition("_")
    if not trigger:
        evn = message.first("EVN")
        trigger = (evn.get(1).upper() if evn else "") or header.structure.partition("_")[2]
    return kind, trigger or _DEFAULT_TRIGGERS.get(kind, "")


def _mapper(kind: str, reading: Reading) -> _Mapper:
    found = SUPPORTED.get((kind, reading.trigger))
    if found is None:
        raise Unmappable("unsupported-message-type", "no mapping for this message type and trigger event", "MSH-9")
    header = reading.message.header
    if not header.trigger or (header.structure and header.structure[:3] != kind):
        reading.warn("MSH-9", "message-structure", "the message type is incomplete or contradicts its structure")
    return found


def _message_time(reading: Reading) -> datetime:
    """MSH-7, else EVN-2, else the beginning of time, so that such a message never wins over one that is dated."""
    found = parse_moment(reading.message.header.date_time, reading.profile.time_zone)
    if found:
        return found.utc
    evn = reading.message.first("EVN")
    moment = reading.moment(evn, 2) if evn else None
    reading.warn("MSH-7", "no-message-time", "the message has no readable time")
    return moment.utc if moment else EPOCH.astimezone(UTC)
