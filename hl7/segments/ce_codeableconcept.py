"""CE, CWE -> CodeableConcept (HL7 v2.5.1 chapter 2A.3; table 0396 coding systems).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-datatype-cwe-to-codeableconcept.html
"""

from __future__ import annotations

from typing import Any

from hl7.datatypes import is_code
from hl7.reading import Reading
from hl7.view import Repetition
from terminology.systems import LOINC, SNOMED_CT, SYSTEM_OF_DESIGNATOR

# What senders write for the designators of table 0396.
_SPELLINGS = {"LOINC": LOINC, "SNOMED": SNOMED_CT, "SNM": SNOMED_CT, "SCTID": SNOMED_CT}


def codeable_concept(rep: Repetition, reading: Reading, local_system: str = "") -> dict[str, Any]:
    """The concept with its code, its alternative and its text; empty when the field says nothing."""
    codings = [
        coding
        for code, text, designator in ((1, 2, 3), (4, 5, 6))
        if (coding := _coding(rep, (code, text, designator), reading, local_system))
    ]
    text = rep.get(9) or rep.get(2) or rep.get(5)
    concept: dict[str, Any] = {}
    if codings:
        concept["coding"] = codings
    if text:
        concept["text"] = text
    return concept


def _coding(
    rep: Repetition, numbers: tuple[int, int, int], reading: Reading, local_system: str
) -> dict[str, str] | None:
    # OBX-3.1 carries a suffix behind the subcomponent separator; the code stands before it.
    code = rep.component(numbers[0]).sub(1).strip()
    if not code or not is_code(code):
        return None
    coding = {"code": code}
    if system := _system(rep.get(numbers[2]), reading, local_system):
        coding = {"system": system, "code": code}
    if display := rep.get(numbers[1]):
        coding["display"] = display
    return coding


def _system(designator: str, reading: Reading, local_system: str) -> str:
    """The URI of a coding system; one that nobody knows is the issuer's own."""
    profile = reading.profile
    if designator in profile.code_systems:
        return profile.code_systems[designator]
    if known := SYSTEM_OF_DESIGNATOR.get(designator.upper()) or _SPELLINGS.get(designator.upper()):
        return known
    if designator.startswith(("http://", "https://", "urn:")) and is_code(designator):
        return designator
    return local_system


def exam_code_system(reading: Reading) -> str:
    return reading.profile.exam_code_system or reading.profile.system("exam-code")
