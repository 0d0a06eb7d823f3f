"""The segments that say who and where: PID, PD1, PV1 (HL7 UK A.3; HL7 v2.4 chapter 3)."""

from __future__ import annotations

from hl7.emit.er7 import Sender, components, cx, segment, timestamp, xad, xcn
from hl7.emit.parties import Person, Visit


def pid(sender: Sender, person: Person) -> str:
    """PID: the MRN under its authority, the NHS number as NHS^NH with its tracing status in PID-32."""
    death = person.deceased_at
    fields = {
        1: "1",
        3: identifiers(sender, person),
        5: components(person.family, person.given, person.middle, "", person.title, "", "L"),
        7: timestamp(person.birth_date),
        8: person.gender,
        11: xad(person.address),
        13: _telecoms(person),
        22: person.ethnic_category,
        29: timestamp(death),
        30: "Y" if death else "",
        32: f"NSTS{person.nhs_number_status}" if person.nhs_number and person.nhs_number_status else "",
    }
    return segment("PID", fields, sender.version)


def identifiers(sender: Sender, person: Person) -> str:
    """PID-3: the local number first, then the NHS number."""
    local = cx(person.mrn, person.mrn_authority or sender.facility, "MR")
    return "~".join(part for part in (local, cx(person.nhs_number, "NHS", "NH")) if part)


def _telecoms(person: Person) -> str:
    numbers = (
        components(person.phone, "PRN", "PH") if person.phone else "",
        components(person.mobile, "PRN", "CP") if person.mobile else "",
        components("", "NET", "Internet", person.email) if person.email else "",
    )
    return "~".join(number for number in numbers if number)


def pd1(sender: Sender, person: Person) -> str:
    """PD1: the GP practice (PD1-3) and the GP (PD1-4); empty when neither is known."""
    fields = {
        3: components(person.practice_name, "", person.practice_code) if person.practice_code else "",
        4: components(person.gp_code, person.gp_name) if person.gp_code else "",
    }
    return segment("PD1", fields, sender.version) if any(fields.values()) else ""


def pv1(sender: Sender, visit: Visit | None) -> str:
    if visit is None:
        return ""
    fields = {
        1: "1",
        2: visit.patient_class,
        3: components(visit.ward, "", "", visit.site),
        7: xcn(visit.attending),
        8: xcn(visit.referring),
        9: xcn(visit.consulting),
        10: visit.specialty,
        19: cx(visit.number, sender.facility, "VN"),
        44: timestamp(visit.admitted_at),
        45: timestamp(visit.discharged_at),
    }
    return segment("PV1", fields, sender.version)
