"""MDM: documents as reports, where the profile says that they are the report feed (HL7 v2.5.1 chapter 9).

T02 (new), T08 (edited) and T10 (replaced) carry the whole text; T11 cancels. An addendum (T06) carries only what is
added, so it is left to people until it can be put together with the text that it belongs to.
"""

from __future__ import annotations

from hl7.fragments import IdentityEvent, Unmappable
from hl7.message import Message
from hl7.messages.oru_r01 import map_oru_r01
from hl7.reading import Reading
from hl7.view import Segment

# TXA-17 document completion status (table 0271) to the result status (table 0123).
_COMPLETION = {"DI": "O", "IP": "O", "IN": "O", "DO": "R", "PA": "P", "AU": "F", "LA": "F"}
_CORRECTING, _CANCELLING = frozenset({"T08", "T10"}), "T11"
# Where the time of the version stands: authenticated (TXA-22.15), edited, originated, activity.
_TIMES = ((22, 15), (8, 1), (6, 1), (4, 1))


def map_mdm(reading: Reading) -> list[IdentityEvent]:
    """The document as an imaging report. Raises Unmappable unless the profile takes MDM for its report feed."""
    txa = reading.message.first("TXA")
    if not reading.profile.mdm_reports:
        raise Unmappable("unsupported-message-type", "documents are not the report feed of this profile", "MSH-9")
    if txa is None:
        raise Unmappable("no-document-segment", "the message has no TXA segment", "TXA")
    message = reading.message
    if message.first("OBR") is None:
        place = message.segments.index(txa)
        segments = [*message.segments[:place], _as_obr(txa, reading), *message.segments[place:]]
        reading.message = Message(message.header, segments, message.charset, list(message.warnings))
    return map_oru_r01(reading)


def _as_obr(txa: Segment, reading: Reading) -> Segment:
    """What TXA says of the order and the report, where OBR says it; values go over as they are encoded."""
    time = next((txa.get(number, part) for number, part in _TIMES if txa.get(number, part)), "")
    fields = {
        2: txa.field(14).text,
        3: txa.field(15).text or txa.field(12).text,
        4: txa.field(2).text,
        22: time,
        25: _status(txa, reading),
        32: txa.field(10).text or txa.field(9).text,
    }
    return txa.like("OBR", [fields.get(number, "") for number in range(1, 33)])


def _status(txa: Segment, reading: Reading) -> str:
    if reading.trigger == _CANCELLING:
        return "X"
    status = _COMPLETION.get(txa.get(17).upper(), "")
    return "C" if status == "F" and reading.trigger in _CORRECTING else status
