"""A Patient as the banner and lists show it: FAMILY, Given (Title), the NHS number in 3-3-4 (ISB 1504, 1506)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.composition.patient import CONFLICT_EXTENSION
from fhir_server.portal.moments import age_words, read_moment, today
from terminology.systems import (
    NHS_NUMBER,
    ODS_ORGANIZATION_CODE,
    TYPE_MEDICAL_RECORD_NUMBER,
    UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION,
)

_CONFLICTS = {
    "birth-date": "Trusts give different dates of birth for this NHS number. Each is kept as a separate record until "
    "somebody decides: check that you have the right person, and look at the other record too.",
    "nhs-number-changed": "One trust has given two different verified NHS numbers for this person. Check the identity "
    "with the person before you rely on this record.",
}
_OTHER_CONFLICT = "There is a doubt about who this record belongs to. Check the identity before you rely on it."
_GENDERS = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Not known"}
_VERIFIED = "01"


@dataclass(frozen=True)
class LocalNumber:
    """A hospital number; `old` when it was merged into another."""

    trust: str
    value: str
    old: bool


@dataclass(frozen=True)
class Person:
    """`replaced_by` are logical ids of the records that this one was merged into."""

    patient_id: str
    name: str
    born: str
    age: str
    nhs_number: str
    nhs_number_status: str
    nhs_number_verified: bool
    gender: str
    local_numbers: tuple[LocalNumber, ...]
    deceased: str
    conflict: str
    replaced_by: tuple[str, ...]


def make_person(patient: Mapping[str, Any], trusts: Mapping[str, str]) -> Person:
    """The person of a Patient; `trusts` are names by ODS code."""
    number, status, verified = _nhs_number(patient)
    born = read_moment(patient.get("birthDate"))
    died = read_moment(patient.get("deceasedDateTime"))
    until = died.local_day if died else today()
    return Person(
        patient_id=str(patient["id"]),
        name=format_name(patient),
        born=born.words if born else "not known",
        age=age_words(born.at.date(), until) if born and not _is_dead(patient) else "",
        nhs_number=number,
        nhs_number_status=status,
        nhs_number_verified=verified,
        gender=_GENDERS.get(str(patient.get("gender")), "Not stated"),
        local_numbers=_local_numbers(patient, trusts),
        deceased=(died.words if died else "date not known") if _is_dead(patient) else "",
        conflict=_conflict(patient),
        replaced_by=replaced_by(patient),
    )


def format_name(patient: Mapping[str, Any]) -> str:
    """FAMILY, Given (Title) of the official name, else the first."""
    names = patient.get("name") or [{}]
    name = next((n for n in names if n.get("use") == "official"), names[0])
    family, given = str(name.get("family", "")).upper(), " ".join(name.get("given") or ())
    title = " ".join(name.get("prefix") or ())
    written = ", ".join(part for part in (family, given) if part) or str(name.get("text", "")) or "Name not known"
    return f"{written} ({title})" if title else written


def format_nhs_number(value: str) -> str:
    """`999 010 0004`."""
    return f"{value[:3]} {value[3:6]} {value[6:]}" if len(value) == 10 else value


def replaced_by(patient: Mapping[str, Any]) -> tuple[str, ...]:
    """Logical ids of the Patients that this one was merged into."""
    links = [link for link in patient.get("link") or () if link.get("type") == "replaced-by"]
    return tuple(str(link["other"]["reference"]).removeprefix("Patient/") for link in links)


def nhs_number(patient: Mapping[str, Any]) -> str:
    """The ten digits of the current NHS number; "" when none is known."""
    return str((_current_nhs_identifier(patient) or {}).get("value", ""))


def _current_nhs_identifier(patient: Mapping[str, Any]) -> Mapping[str, Any] | None:
    numbers = [i for i in patient.get("identifier") or () if i.get("system") == NHS_NUMBER]
    return next((i for i in numbers if i.get("use") != "old"), None)


def _nhs_number(patient: Mapping[str, Any]) -> tuple[str, str, bool]:
    current = _current_nhs_identifier(patient)
    if current is None:
        return "", "No NHS number is known", False
    code, words = _verification(current)
    verified = code == _VERIFIED
    return format_nhs_number(str(current.get("value", ""))), "Verified" if verified else words, verified


def _verification(identifier: Mapping[str, Any]) -> tuple[str, str]:
    for extension in identifier.get("extension") or ():
        if extension.get("url") == UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION:
            for coding in (extension.get("valueCodeableConcept") or {}).get("coding") or ():
                return str(coding.get("code", "")), str(coding.get("display") or "Not verified")
    return "", "Not verified"


def _local_numbers(patient: Mapping[str, Any], trusts: Mapping[str, str]) -> tuple[LocalNumber, ...]:
    found = [
        LocalNumber(_issuer(i, trusts), str(i.get("value", "")), i.get("use") == "old")
        for i in patient.get("identifier") or ()
        if i.get("system") != NHS_NUMBER and _is_hospital_number(i)
    ]
    return tuple(sorted(found, key=lambda n: (n.trust, n.old, n.value)))


def _is_hospital_number(identifier: Mapping[str, Any]) -> bool:
    codings = (identifier.get("type") or {}).get("coding") or ()
    return not codings or any(c.get("code") == TYPE_MEDICAL_RECORD_NUMBER for c in codings)


def _issuer(identifier: Mapping[str, Any], trusts: Mapping[str, str]) -> str:
    assigner = identifier.get("assigner") or {}
    named = assigner.get("identifier") or {}
    code = str(named.get("value", "")) if named.get("system") == ODS_ORGANIZATION_CODE else ""
    return trusts.get(code, code) or str(assigner.get("display") or "Issuer not known")


def _is_dead(patient: Mapping[str, Any]) -> bool:
    return bool(patient.get("deceasedDateTime") or patient.get("deceasedBoolean"))


def _conflict(patient: Mapping[str, Any]) -> str:
    for extension in patient.get("extension") or ():
        if extension.get("url") == CONFLICT_EXTENSION:
            return _CONFLICTS.get(str(extension.get("valueCode")), _OTHER_CONFLICT)
    return ""
