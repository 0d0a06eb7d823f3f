"""CX -> Identifier: the patient's numbers, and which of them is the source identity (HL7 v2.5.1 chapter 2A.14).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-datatype-cx-to-identifier.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hl7.datatypes import is_code, parse_moment
from hl7.fragments import BusinessKey, Unmappable
from hl7.reading import Reading
from hl7.tables.patient import (
    NHS_AUTHORITIES,
    NHS_NUMBER_TYPES,
    OTHER_NUMBER_TYPES,
    PERSON_NUMBER_TYPES,
    VERIFICATION_STATUSES,
)
from hl7.view import Repetition, Segment
from terminology.nhs_number import is_valid_nhs_number, normalise_nhs_number
from terminology.systems import (
    NHS_NUMBER,
    ODS_ORGANIZATION_CODE,
    UK_CORE_NHS_NUMBER_VERIFICATION,
    UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION,
    V2_0203_IDENTIFIER_TYPE,
)

# A number that fails its check keeps a system of its own, so that nothing can ever match on it.
INVALID_NHS_NUMBER = "invalid-nhs-number"
# Nobody has more; thousands would hold up every other message while they are compared and stored.
NUMBERS_MAX = 200
_STATUS = re.compile(r"(?:NSTS|PDS)?\s*(0[1-8])", re.IGNORECASE)


@dataclass
class PatientNumbers:
    """Every number of PID-3 as Identifier, the local ones by preference, and the valid NHS number if there is one."""

    identifiers: list[dict[str, Any]] = field(default_factory=list)
    own: list[BusinessKey] = field(default_factory=list)
    others: list[BusinessKey] = field(default_factory=list)
    odd: list[BusinessKey] = field(default_factory=list)  # of a type that no table knows
    nhs: BusinessKey | None = None

    def key(self) -> BusinessKey | None:
        """The source identity: the trust's own number, else another local one, else the NHS number alone."""
        return next(iter(self.local()), None) or self.nhs

    def local(self) -> list[BusinessKey]:
        """The numbers that name the person in one system, the most telling first."""
        return [*self.own, *self.others, *self.odd]


def read_patient_numbers(reps: list[Repetition], status: str, location: str, reading: Reading) -> PatientNumbers:
    """The numbers in a CX field; `status` is the NHS number's tracing status (see `tracing_status`)."""
    if len(reps) > NUMBERS_MAX:
        raise Unmappable("too-many-patient-numbers", f"more than {NUMBERS_MAX} numbers for one patient", location)
    numbers = PatientNumbers()
    for rep in reps:
        value = rep.get(1)
        if not value:
            continue
        authority = rep.component(4).sub(1).strip() or rep.component(4).sub(2).strip()
        kind = rep.get(5).upper()
        if authority.upper() in NHS_AUTHORITIES or kind in NHS_NUMBER_TYPES - {"NI"} or _is_welsh(rep, authority):
            _nhs_number(numbers, rep, status, location, reading)
        else:
            _local_number(numbers, rep, authority, reading)
    return numbers


def _is_welsh(rep: Repetition, authority: str) -> bool:
    """Welsh feeds type the NHS number NI, name no authority, and put its tracing status into CX.2."""
    is_national = rep.get(5).upper() == "NI" and not authority and bool(_status_in_check_digit(rep))
    return is_national and is_valid_nhs_number(normalise_nhs_number(rep.get(1)))


def _nhs_number(numbers: PatientNumbers, rep: Repetition, status: str, location: str, reading: Reading) -> None:
    value = normalise_nhs_number(rep.get(1))
    if not is_valid_nhs_number(value):
        reading.warn(location, "invalid-nhs-number", "an NHS number fails its check; kept, never used to match")
        numbers.identifiers.append(
            {"use": "old", "type": _type("NH"), "system": reading.profile.system(INVALID_NHS_NUMBER), "value": value}
        )
        return
    if numbers.nhs and numbers.nhs.value != value:
        reading.warn(location, "several-nhs-numbers", "more than one NHS number; the first counts, the others are old")
        numbers.identifiers.append({"use": "old", "type": _type("NH"), "system": NHS_NUMBER, "value": value})
        return
    if numbers.nhs:
        return
    numbers.nhs = BusinessKey("Patient", NHS_NUMBER, value)
    numbers.identifiers.append(nhs_number_identifier(value, _status_in_check_digit(rep) or status))


def nhs_number_identifier(value: str, status: str) -> dict[str, Any]:
    """The UK Core NHS number identifier with its verification status."""
    coding = {
        "system": UK_CORE_NHS_NUMBER_VERIFICATION,
        "code": status,
        "display": VERIFICATION_STATUSES[status],
    }
    verification = {
        "url": UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION,
        "valueCodeableConcept": {"coding": [coding]},
    }
    return {"extension": [verification], "use": "official", "system": NHS_NUMBER, "value": value}


def _status_in_check_digit(rep: Repetition) -> str:
    """Welsh and older PAS feeds put the tracing status into CX.2."""
    found = _STATUS.fullmatch(rep.get(2))
    return found[1] if found else ""


def tracing_status(pid: Segment, reading: Reading) -> str:
    """The verification status that PID-32 gives, else what the profile says such numbers count as."""
    for rep in pid.field(32).reps():
        found = _STATUS.fullmatch(rep.get(1))
        if found:
            return found[1]
    return "01" if reading.profile.nhs_numbers_traced else "02"


def _local_number(numbers: PatientNumbers, rep: Repetition, authority: str, reading: Reading) -> None:
    profile = reading.profile
    kind = rep.get(5).upper()
    system = profile.patient_number_system(authority)
    value = rep.get(1)
    identifier: dict[str, Any] = {"use": "usual", "type": _type(kind or "MR"), "system": system, "value": value}
    if period := _period(rep, reading):
        identifier["period"] = period
    if system == profile.system("mrn"):
        identifier["assigner"] = {"identifier": {"system": ODS_ORGANIZATION_CODE, "value": profile.trust}}
    elif authority:
        identifier["assigner"] = {"display": authority}
    if identifier not in numbers.identifiers:
        numbers.identifiers.append(identifier)
    if kind not in OTHER_NUMBER_TYPES:
        own = system == profile.system("mrn")
        known = numbers.own if own else numbers.others
        (known if kind in PERSON_NUMBER_TYPES else numbers.odd).append(BusinessKey("Patient", system, value))


def _period(rep: Repetition, reading: Reading) -> dict[str, str]:
    ends = (
        (name, parse_moment(rep.get(number), reading.profile.time_zone)) for name, number in (("start", 7), ("end", 8))
    )
    return {name: moment.fhir for name, moment in ends if moment}


def _type(code: str) -> dict[str, Any]:
    if not is_code(code):
        return {"text": code}
    return {"coding": [{"system": V2_0203_IDENTIFIER_TYPE, "code": code}]}


def typed_identifier(code: str, system: str, value: str) -> dict[str, Any]:
    """An Identifier of a kind in table 0203 (PLAC, FILL, ACSN, VN)."""
    return {"type": _type(code), "system": system, "value": value}
