"""PV1 -> Encounter (HL7 v2.5.1 chapter 3.4.3): only where PV1-19 names the visit.

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-pv1-to-encounter.html
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from hl7.fragments import BusinessKey, Fragment
from hl7.reading import Reading
from hl7.segments.cx_identifier import typed_identifier
from hl7.segments.pd1_patient import trust_reference
from hl7.segments.xcn_practitioner import xcn_practitioners
from hl7.tables.encounter import CLASSES, EVENT_STATUSES, FINISHED, IN_PROGRESS
from hl7.view import Field, Segment
from terminology.systems import ODS_SITE_CODE, V3_PARTICIPATION_TYPE

_SITE_CODE = re.compile(r"[A-Z0-9]{5}")
_PARTICIPANTS = ((7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM"))
_LOCATIONS = ((3, "active"), (6, "completed"), (11, "active"), (42, "reserved"))


def pv1_encounter(pv1: Segment, reading: Reading, when: datetime, trigger: str | None) -> BusinessKey | None:
    """Adds the visit and gives its key; None without PV1-19. `trigger` is the ADT event, None in orders and results.

    An event that says nothing of the visit's state (A08, say) leaves the state as it is.
    """
    number = pv1.get(19)
    if not number:
        return None
    key = BusinessKey("Encounter", reading.profile.system("visit"), number)
    content, sources = _content(pv1, key, reading)
    status, rank = _status(pv1, trigger, reading)
    if trigger is None:
        reading.add(Fragment(key, content, when, 0, authoritative=False, sources=sources))
        return key
    if status:
        content["status"], sources["status"] = status, "EVN-1"
    reading.add(Fragment(key, content, when, rank, sources=sources))
    return key


def _status(pv1: Segment, trigger: str | None, reading: Reading) -> tuple[str | None, int]:
    if pv1.get(45) and trigger not in ("A11", "A13") and reading.moment(pv1, 45):
        return "finished", FINISHED
    return EVENT_STATUSES.get(trigger or "", (None, IN_PROGRESS))


def _content(pv1: Segment, key: BusinessKey, reading: Reading) -> tuple[dict[str, Any], dict[str, str]]:
    assert reading.patient is not None  # noqa: S101 - messages map PID first
    content: dict[str, Any] = {
        "resourceType": "Encounter",
        "identifier": [typed_identifier("VN", key.system, key.value)],
        "class": _class(pv1, reading),
        "subject": reading.patient.reference(),
        "serviceProvider": trust_reference(reading),
    }
    sources = {"identifier": "PV1-19", "class": "PV1-2", "subject": "PID-3"}
    participants = [
        {"type": [{"coding": [{"system": V3_PARTICIPATION_TYPE, "code": code}]}], "individual": person}
        for number, code in _PARTICIPANTS
        for person in xcn_practitioners(pv1.field(number), f"PV1-{number}", reading)
    ]
    locations = [
        {"location": place, "status": status}
        for number, status in _LOCATIONS
        if (place := pl_location(pv1.field(number)))
    ]
    period = {
        name: moment.fhir for name, number in (("start", 44), ("end", 45)) if (moment := reading.moment(pv1, number))
    }
    service = {"text": pv1.get(10)} if pv1.get(10) else None
    optional = (
        ("participant", participants, "PV1-7, PV1-8, PV1-9, PV1-17"),
        ("location", locations, "PV1-3, PV1-6, PV1-11, PV1-42"),
        ("period", period, "PV1-44, PV1-45"),
        ("serviceType", service, "PV1-10"),
    )
    for name, value, source in optional:
        if value:
            content[name], sources[name] = value, source
    return content, sources


def _class(pv1: Segment, reading: Reading) -> dict[str, str]:
    code = pv1.get(2).upper()
    if code not in CLASSES:
        if code:
            reading.warn("PV1-2", "unknown-code", "a patient class that table 0004 does not know")
        code = "U"
    system, value, display = CLASSES[code]
    return {"system": system, "code": value, "display": display}


def pl_location(field: Field) -> dict[str, Any] | None:
    """PL -> a reference by name (ward, room, bed) and, where PL.4 is an ODS site code, by identifier."""
    rep = field.rep(0)
    site = rep.component(4).sub(1).strip()
    display = ", ".join(part for part in (rep.component(n).sub(1).strip() for n in (1, 2, 3)) if part)
    place: dict[str, Any] = {"display": display or site} if display or site else {}
    if _SITE_CODE.fullmatch(site):
        place["identifier"] = {"system": ODS_SITE_CODE, "value": site}
    return place or None
