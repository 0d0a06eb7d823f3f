"""XCN, CNN and NDL -> Practitioner: a clinician under a national number, else under the issuer's own.

Default codes (C9999998 and its kin) name nobody and never become a person.
https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-datatype-xcn-to-practitioner.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hl7.fragments import BusinessKey
from hl7.reading import Reading
from hl7.tables.practitioner import CONSULTANT_CODE, GMC_REFERENCE, GP_CODE, SYSTEM_OF_AUTHORITY
from hl7.view import Component, Field, Repetition
from terminology.systems import GMC_NUMBER, GMP_NUMBER


@dataclass(frozen=True)
class _Named:
    """A coded name, whichever data type carried it."""

    code: str
    family: str
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""
    authority: str = ""


def xcn_practitioners(field: Field, location: str, reading: Reading) -> list[dict[str, Any]]:
    """References to the people in an XCN field."""
    found = (_practitioner(_xcn(rep), location, reading) for rep in field.reps())
    return [reference for reference in found if reference]


def xcn_practitioner(field: Field, location: str, reading: Reading) -> dict[str, Any] | None:
    """The reference to the first person in an XCN field; two repeats of one person are common, so the rest is left."""
    return next(iter(xcn_practitioners(field, location, reading)), None)


def xcn_person(rep: Repetition, location: str, reading: Reading) -> dict[str, Any] | None:
    """The reference to the person in one repetition of an XCN field."""
    return _practitioner(_xcn(rep), location, reading)


def ndl_practitioners(field: Field, location: str, reading: Reading) -> list[dict[str, Any]]:
    """References to the people in an NDL field (OBR-32 to 35); many systems write an XCN there."""
    found = (_practitioner(_ndl(rep), location, reading) for rep in field.reps())
    return [reference for reference in found if reference]


def _xcn(rep: Repetition) -> _Named:
    code, given, middle, suffix, prefix = (rep.get(number) for number in (1, 3, 4, 5, 6))
    # Component 8 is the source table (v2.4, HL7 UK A.3); component 9 the assigning authority (later versions).
    authority = rep.component(9).sub(1).strip() or rep.get(8)
    return _Named(code, rep.component(2).sub(1).strip(), given, middle, suffix, prefix, authority)


def _ndl(rep: Repetition) -> _Named:
    name = rep.component(1)
    second = rep.get(2)
    if second and not second[0].isdigit():
        return _xcn(rep)
    return _cnn(name)


def _cnn(name: Component) -> _Named:
    code, family, given, middle, suffix, prefix = (name.sub(number).strip() for number in range(1, 7))
    return _Named(code, family, given, middle, suffix, prefix, name.sub(9).strip() or name.sub(8).strip())


def _practitioner(person: _Named, location: str, reading: Reading) -> dict[str, Any] | None:
    """The reference to a person; a name without a code is display only; nobody for a default code."""
    code = person.code.strip('"')
    if code.upper() in reading.profile.ignored_person_codes:
        return None
    display = " ".join(part for part in (person.prefix, person.given, person.family) if part)
    if " " in code and (not display or code.upper() == display.upper()):
        # A name in the place of the code: nobody can be known by it.
        code, display = "", display or code
    if not code:
        return {"display": display} if display else None
    system, value = _identity(code, person.authority.upper(), location, reading)
    content: dict[str, Any] = {
        "resourceType": "Practitioner",
        "identifier": [{"system": system, "value": value}],
    }
    if name := _name(person):
        content["name"] = [name]
    key = BusinessKey("Practitioner", system, value)
    reference: dict[str, Any] = reading.mention(key, content, dict.fromkeys(("identifier", "name"), location))
    return {**reference, "display": display} if display else reference


def _identity(code: str, authority: str, location: str, reading: Reading) -> tuple[str, str]:
    """(system, value): a national number where the code is one, else the issuer's own."""
    consultant = CONSULTANT_CODE.fullmatch(code.upper())
    if consultant and authority in ("", "GMC"):
        return GMC_NUMBER, consultant[1]
    if GP_CODE.fullmatch(code.upper()) and authority in ("", "GMP", "GMC"):
        return GMP_NUMBER, code.upper()
    if authority == "GMC" and GMC_REFERENCE.fullmatch(code):
        return GMC_NUMBER, code
    if authority in ("GMC", "GMP"):
        reading.warn(location, "practitioner-code", "a clinician's code has not the form of its authority's numbers")
    elif authority in SYSTEM_OF_AUTHORITY:
        return SYSTEM_OF_AUTHORITY[authority], code
    return reading.profile.system("practitioner"), code


def _name(person: _Named) -> dict[str, Any]:
    name: dict[str, Any] = {}
    if person.family:
        name["family"] = person.family
    if given := [part for part in (person.given, person.middle) if part]:
        name["given"] = given
    if person.prefix:
        name["prefix"] = [person.prefix]
    if person.suffix:
        name["suffix"] = [person.suffix]
    return name
