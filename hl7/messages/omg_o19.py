"""OMG^O19: the imaging request of HL7 UK A.3, priority in TQ1 where the version has one (HL7 v2.4 chapter 4.4.3)."""

from __future__ import annotations

from hl7.fragments import IdentityEvent
from hl7.messages.orders import map_order
from hl7.reading import Reading


def map_omg_o19(reading: Reading) -> list[IdentityEvent]:
    """Every order line of the message. Raises Unmappable when there is none, or one without a number."""
    return map_order(reading)
