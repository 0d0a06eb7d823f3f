"""Patient class (0004) and what each ADT event says about a visit (HL7 v2.5.1 chapter 3).

https://terminology.hl7.org/CodeSystem-v2-0004.html
"""

from __future__ import annotations

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
V2_0004 = "http://terminology.hl7.org/CodeSystem/v2-0004"

# Patient class to (system, code, display).
CLASSES = {
    "E": (ACT_CODE, "EMER", "emergency"),
    "I": (ACT_CODE, "IMP", "inpatient encounter"),
    "O": (ACT_CODE, "AMB", "ambulatory"),
    "P": (ACT_CODE, "PRENC", "pre-admission"),
    "R": (V2_0004, "R", "Recurring patient"),
    "B": (V2_0004, "B", "Obstetrics"),
    "C": (V2_0004, "C", "Commercial Account"),
    "N": (V2_0004, "N", "Not Applicable"),
    "U": (V2_0004, "U", "Unknown"),
}

# Trigger event to (status, rank). The rank belongs to the event: A13 takes a discharge back, so it ranks with A03.
PLANNED, IN_PROGRESS, FINISHED, CANCELLED = 0, 1, 2, 3
EVENT_STATUSES = {
    "A01": ("in-progress", IN_PROGRESS),
    "A02": ("in-progress", IN_PROGRESS),
    "A03": ("finished", FINISHED),
    "A04": ("planned", PLANNED),
    "A05": ("planned", PLANNED),
    "A11": ("cancelled", CANCELLED),
    "A13": ("in-progress", FINISHED),
    "A14": ("planned", PLANNED),
    "A27": ("cancelled", CANCELLED),
    "A38": ("cancelled", CANCELLED),
}
