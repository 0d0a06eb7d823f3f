"""ADT messages: admit, discharge, register, update, and merge (HL7 v2.4 chapter 3)."""

from __future__ import annotations

from hl7.emit.er7 import Sender, cx, make_control_id, msh, now, segment, serialise, timestamp
from hl7.emit.parties import NOW, Occasion, Person, Visit
from hl7.emit.patient import pd1, pid, pv1

# The structure that MSH-9.3 names for each trigger event (HL7 v2.4 table 0354).
_STRUCTURES = {"A04": "ADT_A01", "A08": "ADT_A01", "A28": "ADT_A05", "A31": "ADT_A05", "A40": "ADT_A39"}


def make_adt(
    event: str,
    sender: Sender,
    person: Person,
    visit: Visit | None = None,
    occasion: Occasion = NOW,
) -> bytes:
    """ADT^`event` (A01, A03, A04, A08, A28, A31, ...) about one person; the occasion's time is EVN-6."""
    segments = [
        *_head(event, sender, occasion),
        pid(sender, person),
        pd1(sender, person),
        pv1(sender, visit or (None if event in ("A28", "A31") else Visit())),
    ]
    return serialise(segments, sender)


def make_merge(
    sender: Sender,
    survivor: Person,
    loser_mrn: str,
    loser_authority: str = "",
    occasion: Occasion = NOW,
) -> bytes:
    """ADT^A40: `survivor` remains, the record under `loser_mrn` is merged into it (MRG-1)."""
    authority = loser_authority or survivor.mrn_authority or sender.facility
    mrg = segment("MRG", {1: cx(loser_mrn, authority, "MR")}, sender.version)
    segments = [*_head("A40", sender, occasion), pid(sender, survivor), pd1(sender, survivor), mrg]
    return serialise(segments, sender)


def _head(event: str, sender: Sender, occasion: Occasion) -> list[str]:
    moment = occasion.when or now()
    message_type = f"ADT^{event}^{_STRUCTURES.get(event, f'ADT_{event}')}"
    evn = segment("EVN", {1: event, 2: timestamp(moment), 6: timestamp(moment)}, sender.version)
    return [msh(sender, message_type, occasion.control_id or make_control_id(), moment), evn]
