"""OMI^O23: the imaging order with its procedure steps in IPC: accession, study UID, modality.

HL7 v2.5.1 chapter 4.4.6.
"""

from __future__ import annotations

from hl7.fragments import IdentityEvent
from hl7.messages.orders import map_order
from hl7.reading import Reading


def map_omi_o23(reading: Reading) -> list[IdentityEvent]:
    """Every order line of the message. Raises Unmappable when there is none, or one without a number."""
    if reading.message.first("IPC") is None:
        reading.warn("IPC", "segment-missing", "an imaging order without an imaging procedure control segment")
    return map_order(reading)
