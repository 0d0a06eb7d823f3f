"""ORM^O01: the general order message that many RISs still send, with the study UID in ZDS (IHE Radiology RAD-4).

HL7 v2.4 chapter 4.2.1; HL7 UK A.3 does not support it, yet it arrives."""

from __future__ import annotations

from hl7.fragments import IdentityEvent
from hl7.messages.orders import map_order
from hl7.reading import Reading


def map_orm_o01(reading: Reading) -> list[IdentityEvent]:
    """Every order line of the message. Raises Unmappable when there is none, or one without a number."""
    return map_order(reading)
