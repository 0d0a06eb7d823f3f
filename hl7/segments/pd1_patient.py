"""PD1 -> Patient.generalPractitioner: the practice (PD1-3, by ODS code) and the GP (PD1-4).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-pd1-to-patient.html
"""

from __future__ import annotations

import re
from typing import Any

from hl7.datatypes import is_code
from hl7.fragments import BusinessKey
from hl7.reading import Reading
from hl7.segments.xcn_practitioner import xcn_person
from hl7.view import Segment
from terminology.systems import ODS_ORGANIZATION_CODE

# The ODS code of a practice, in England and in Wales; a GP's national code has seven digits behind its letter.
_PRACTICE_CODE = re.compile(r"[A-HJ-NPWY]\d{5}")


def pd1_general_practitioners(pd1: Segment, reading: Reading) -> list[dict[str, Any]]:
    """References to the practice and the GP, as far as they are known; some feeds put both into PD1-4."""
    reps = pd1.field(4).reps()
    doctor = next((rep for rep in reps if not _PRACTICE_CODE.fullmatch(rep.get(1).upper())), None)
    practices = [code for rep in reps if _PRACTICE_CODE.fullmatch(code := rep.get(1).upper())]
    found = [_practice(pd1, reading)]
    found += [
        organization_reference(code, "", "PD1-4", reading)
        for code in practices
        if code not in reading.profile.ignored_organization_codes
    ]
    found.append(xcn_person(doctor, "PD1-4", reading) if doctor else None)
    return [reference for index, reference in enumerate(found) if reference and reference not in found[:index]]


def _practice(pd1: Segment, reading: Reading) -> dict[str, Any] | None:
    """HL7 UK A.3: the first repeat is the practice, its code in XON.3 (XON.10 in later versions)."""
    code = (pd1.get(3, 3) or pd1.get(3, 10)).upper()
    name = pd1.get(3, 1)
    if code in reading.profile.ignored_organization_codes:
        return None
    if not code or not is_code(code):
        return {"display": name} if name else None
    return organization_reference(code, name, "PD1-3", reading)


def organization_reference(ods_code: str, name: str, location: str, reading: Reading) -> dict[str, Any]:
    """The reference to an organisation by its ODS code; the message mentions it, so it exists at least."""
    content: dict[str, Any] = {
        "resourceType": "Organization",
        "identifier": [{"system": ODS_ORGANIZATION_CODE, "value": ods_code}],
    }
    if name:
        content["name"] = name
    key = BusinessKey("Organization", ODS_ORGANIZATION_CODE, ods_code)
    return dict(reading.mention(key, content, dict.fromkeys(content.keys() - {"resourceType"}, location)))


def trust_reference(reading: Reading) -> dict[str, Any]:
    """The reference to the trust whose feed this is."""
    return organization_reference(reading.profile.trust, "", "profile", reading)
