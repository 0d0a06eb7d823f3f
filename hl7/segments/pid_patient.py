"""PID -> Patient (HL7 v2.5.1 chapter 3.4.2; UK Core Patient).

Three states of a field: absent says nothing, `""` clears (None), a value replaces.
https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-pid-to-patient.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hl7.fragments import BusinessKey, Fragment, Unmappable
from hl7.reading import Reading
from hl7.segments.cx_identifier import (
    PatientNumbers,
    nhs_number_identifier,
    read_patient_numbers,
    tracing_status,
)
from hl7.segments.pd1_patient import pd1_general_practitioners, trust_reference
from hl7.segments.xpn_humanname import addresses, contact_points, human_names
from hl7.tables.patient import ETHNIC_CATEGORIES, GENDERS, MARITAL_STATUSES
from hl7.view import Segment
from terminology.nhs_number import is_valid_nhs_number, normalise_nhs_number
from terminology.systems import NHS_NUMBER

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_ETHNIC_EXTENSION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
_ETHNIC_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland"
_MARITAL_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"


def pid_patient(pid: Segment, pd1: Segment | None, reading: Reading, when: datetime, *, master: bool) -> BusinessKey:
    """Adds the Patient fragment and gives its source identity. `master`: an ADT feed, which may change demographics.

    Raises Unmappable when PID names nobody.
    """
    numbers = read_numbers(pid, reading)
    key = numbers.key()
    if key is None:
        raise Unmappable("no-patient-identifier", "PID-3 holds no number that names a patient", "PID-3")
    content: dict[str, Any] = {"resourceType": "Patient", "identifier": numbers.identifiers}
    sources = {"identifier": "PID-3"}
    if master:
        content["active"] = True
    content["managingOrganization"] = trust_reference(reading)
    for element, number, read in _ELEMENTS:
        _three_states(content, sources, pid, (element, number, read), reading)
    _contacts(content, sources, pid)
    _birth_date(content, sources, pid, reading)
    _deceased(content, sources, pid, reading)
    if extensions := _extensions(pid):
        content["extension"], sources["extension"] = extensions, "PID-6, PID-17, PID-22"
    if pd1 and (practitioners := pd1_general_practitioners(pd1, reading)):
        content["generalPractitioner"], sources["generalPractitioner"] = practitioners, "PD1-3, PD1-4"
    if pid.get(31).upper() == "Y":
        reading.warn("PID-31", "identity-unknown", "the source says that this person's identity is not reliably known")
    reading.add(Fragment(key, content, when, authoritative=master, sources=sources))
    return key


def read_numbers(pid: Segment, reading: Reading) -> PatientNumbers:
    """PID-3, with PID-2 where PID-3 is empty, PID-4, and PID-19 where the profile says that it is the NHS number."""
    field, location = pid.field(3), "PID-3"
    if not field.has_value and pid.field(2).has_value:
        field, location = pid.field(2), "PID-2"
        reading.warn("PID-2", "deprecated-field", "the patient's number stands in PID-2; PID-3 is empty")
    status = tracing_status(pid, reading)
    numbers = read_patient_numbers(field.reps() + pid.field(4).reps(), status, location, reading)
    if reading.profile.nhs_number_in_pid_19 and pid.get(19) and numbers.nhs is None:
        _pid_19(pid, numbers, status, reading)
    return numbers


def _pid_19(pid: Segment, numbers: PatientNumbers, status: str, reading: Reading) -> None:
    value = normalise_nhs_number(pid.get(19))
    if not is_valid_nhs_number(value):
        reading.warn("PID-19", "invalid-nhs-number", "an NHS number fails its check and was left out")
        return
    numbers.nhs = BusinessKey("Patient", NHS_NUMBER, value)
    numbers.identifiers.append(nhs_number_identifier(value, status))


_Reader = Callable[[Segment, int, Reading], Any]


def _three_states(
    content: dict[str, Any],
    sources: dict[str, str],
    pid: Segment,
    element: tuple[str, int, _Reader],
    reading: Reading,
) -> None:
    name, number, read = element
    field = pid.field(number)
    if field.is_null:
        content[name], sources[name] = None, f"PID-{number}"
    elif field.has_value and (value := read(pid, number, reading)):
        content[name], sources[name] = value, f"PID-{number}"


def _gender(pid: Segment, number: int, reading: Reading) -> str | None:
    found = GENDERS.get(pid.get(number).upper())
    if found is None:
        reading.warn(f"PID-{number}", "unknown-code", "an administrative sex that no table knows was left out")
    return found


def _marital_status(pid: Segment, number: int, reading: Reading) -> dict[str, Any] | None:
    code = pid.get(number)
    if code.upper() in MARITAL_STATUSES:
        return {"coding": [{"system": _MARITAL_SYSTEM, "code": code.upper()}]}
    text = pid.get(number, 2) or code
    return {"text": text} if text else None


def _communication(pid: Segment, number: int, reading: Reading) -> list[dict[str, Any]]:
    text = pid.get(number, 2) or pid.get(number)
    return [{"language": {"text": text}, "preferred": True}] if text else []


def _names(pid: Segment, number: int, reading: Reading) -> list[dict[str, Any]]:
    return human_names(pid.field(number)) + human_names(pid.field(9), "nickname")


def _addresses(pid: Segment, number: int, reading: Reading) -> list[dict[str, Any]]:
    return addresses(pid.field(number))


_ELEMENTS: tuple[tuple[str, int, _Reader], ...] = (
    ("name", 5, _names),
    ("gender", 8, _gender),
    ("address", 11, _addresses),
    ("communication", 15, _communication),
    ("maritalStatus", 16, _marital_status),
)


def _contacts(content: dict[str, Any], sources: dict[str, str], pid: Segment) -> None:
    home, work = pid.field(13), pid.field(14)
    points = contact_points(home, "home") + contact_points(work, "work")
    if points or home.is_null:
        content["telecom"], sources["telecom"] = points or None, "PID-13, PID-14"


def _birth_date(content: dict[str, Any], sources: dict[str, str], pid: Segment, reading: Reading) -> None:
    """A date that cannot be is kept as it was written, beside a value that is absent."""
    field = pid.field(7)
    if field.is_absent:
        return
    sources["birthDate"] = "PID-7"
    moment = reading.moment(pid, 7)
    content["birthDate"] = moment.date if moment else None
    # Midnight is what systems write that have no time of birth.
    if moment and moment.has_time and "T00:00:00" not in moment.fhir:
        content["_birthDate"] = {"extension": [{"url": _EXTENSION + "patient-birthTime", "valueDateTime": moment.fhir}]}
    elif not moment and pid.get(7):
        content["_birthDate"] = {"extension": [{"url": _EXTENSION + "originalText", "valueString": pid.get(7)}]}


def _deceased(content: dict[str, Any], sources: dict[str, str], pid: Segment, reading: Reading) -> None:
    """deceased[x] is one element: what is set clears the other form."""
    when, flag = pid.field(29), pid.get(30).upper()
    moment = reading.moment(pid, 29)
    if moment:
        content["deceasedDateTime"], content["deceasedBoolean"] = moment.fhir, None
    elif flag in ("Y", "N"):
        content["deceasedBoolean"], content["deceasedDateTime"] = flag == "Y", None
    elif when.is_null or pid.field(30).is_null:
        content["deceasedDateTime"] = content["deceasedBoolean"] = None
    else:
        return
    sources["deceased"] = "PID-29, PID-30"


def _extensions(pid: Segment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if ethnic := pid.get(22) or pid.get(10):
        coded = {"coding": [{"system": _ETHNIC_SYSTEM, "code": ethnic}]}
        concept = coded if ethnic in ETHNIC_CATEGORIES else {"text": pid.get(22, 2) or pid.get(10, 2) or ethnic}
        found.append({"url": _ETHNIC_EXTENSION, "valueCodeableConcept": concept})
    if maiden := pid.get(6):
        found.append({"url": _EXTENSION + "patient-mothersMaidenName", "valueString": maiden})
    if religion := pid.get(17, 2) or pid.get(17):
        found.append({"url": _EXTENSION + "patient-religion", "valueCodeableConcept": {"text": religion}})
    return found
