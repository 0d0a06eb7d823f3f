"""Building HL7 v2 messages in UK style from plain Python values: for emulated systems, tests and outbound feeds.

Every `make_` function answers the payload (segments ended by CR) without its MLLP frame; `hl7.mllp.make_frame` adds it.
"""

from hl7.emit.adt import make_adt, make_merge
from hl7.emit.er7 import Sender
from hl7.emit.orders import make_omg, make_omi, make_orm
from hl7.emit.parties import Address, Clinician, Exam, Occasion, Person, Report, Visit
from hl7.emit.results import make_oru

__all__ = [
    "Address",
    "Clinician",
    "Exam",
    "Occasion",
    "Person",
    "Report",
    "Sender",
    "Visit",
    "make_adt",
    "make_merge",
    "make_omg",
    "make_omi",
    "make_orm",
    "make_oru",
]
