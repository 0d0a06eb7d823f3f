"""OBX -> Observation: coded and measured results beside a report's text (HL7 v2.5.1 chapter 7.4.2).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-obx-to-observation.html
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from hl7.fragments import BusinessKey, Fragment
from hl7.reading import Reading
from hl7.segments.ce_codeableconcept import codeable_concept
from hl7.tables.results import INTERPRETATIONS, OBSERVATION_STATUSES, REPORT_RANKS
from hl7.view import Repetition, Segment
from terminology.systems import UCUM, V3_OBSERVATION_INTERPRETATION

_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{1,18})?|\.\d{1,18})", re.ASCII)
_OBSERVATION_CODES = "observation-code"
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS"})
_COMPARATORS = frozenset({"", "=", "<", "<=", ">", ">="})


def obx_observation(obx: Segment, parent: BusinessKey, reading: Reading, when: datetime) -> BusinessKey | None:
    """Adds one Observation under its report or order and gives its key; None for what is none (OBX-11 N or O)."""
    status = OBSERVATION_STATUSES.get(obx.get(11).upper(), "unknown")
    if not status or reading.patient is None:
        return None
    code = codeable_concept(obx.field(3).rep(0), reading, reading.profile.system(_OBSERVATION_CODES))
    if not code:
        reading.warn("OBX-3", "no-code", "a result without a code was left out")
        return None
    key = _key(obx, parent, reading)
    content: dict[str, Any] = {
        "resourceType": "Observation",
        "identifier": [{"system": key.system, "value": key.value}],
        "status": status,
        "code": code,
        "subject": reading.patient.reference(),
        **_value(obx, reading),
        **_judgement(obx),
    }
    if moment := reading.moment(obx, 14):
        content["effectiveDateTime"] = moment.fhir
    sources = {"status": "OBX-11", "code": "OBX-3", "value": "OBX-5", "interpretation": "OBX-8"}
    rank = REPORT_RANKS.get(status, 0)
    reading.add(Fragment(key, content, when, rank, sources=sources))
    return key


def _key(obx: Segment, parent: BusinessKey, reading: Reading) -> BusinessKey:
    """By OBX-3 and OBX-4 under its parent; what repeats both is told apart by its place, so that none is lost."""
    system = f"{parent.system}/observation"
    value = f"{parent.value}^{obx.get(3) or obx.get(3, 2)}^{obx.get(4)}"
    key, count = BusinessKey("Observation", system, value), 1
    while key in reading.fragments:
        count += 1
        key = BusinessKey("Observation", system, f"{value}^{count}")
    return key


def _value(obx: Segment, reading: Reading) -> dict[str, Any]:
    """value[x] by OBX-2; a number that is none stays as text, and so do several values in one field."""
    reps, kind = obx.field(5).reps(), obx.get(2).upper()
    if not reps:
        return {}
    text = reps[0].value.strip()
    if len(reps) == 1 and _NUMBER.fullmatch(text) and (kind == "NM" or (kind in ("ST", "TX") and obx.get(6))):
        return {"valueQuantity": _quantity(text, obx)}
    if len(reps) == 1 and kind == "SN" and (quantity := _structured_quantity(obx)):
        return {"valueQuantity": quantity}
    if kind in _CODED and (concept := _coded(reps, reading)):
        return {"valueCodeableConcept": concept}
    if kind in ("DT", "TS", "DTM") and (moment := reading.moment(obx, 5)):
        return {"valueDateTime": moment.fhir}
    return {"valueString": text} if (text := result_text(obx)) else {}


def _coded(reps: list[Repetition], reading: Reading) -> dict[str, Any]:
    """One concept; several in one field are one with the codes of all, and the words of all."""
    concepts = [concept for rep in reps if (concept := codeable_concept(rep, reading))]
    if len(concepts) < 2:
        return concepts[0] if concepts else {}
    codings = [coding for concept in concepts for coding in concept.get("coding", ())]
    words = ", ".join(concept["text"] for concept in concepts if "text" in concept)
    return {name: value for name, value in (("coding", codings), ("text", words)) if value}


def _structured_quantity(obx: Segment) -> dict[str, Any] | None:
    """SN with one number and at most a comparator; ranges and ratios stay as text."""
    rep = obx.field(5).rep(0)
    comparator, number = rep.get(1), rep.get(2)
    if not _NUMBER.fullmatch(number) or rep.get(3) or rep.get(4) or comparator not in _COMPARATORS:
        return None
    quantity = _quantity(number, obx)
    return quantity | {"comparator": comparator} if comparator in _COMPARATORS - {"", "="} else quantity


def result_text(obx: Segment) -> str:
    """What a person reads of OBX-5 (and its unit): the words of codes, the parts of other types one after another."""
    kind, unit = obx.get(2).upper(), obx.get(6, 2) or obx.get(6)
    told = [told for rep in obx.field(5).reps() if (told := _told(rep, kind))]
    text = ", ".join(told)
    return f"{text} {unit}" if text and unit else text


def _told(rep: Repetition, kind: str) -> str:
    parts = [rep.get(number) for number in range(1, 10)]
    if kind in _CODED:
        return parts[8] or parts[1] or parts[4] or parts[0]
    if kind in ("NM", "ST", "TX", "FT", "DT", "TM", "TS", "DTM", "ID", "SI"):
        return rep.value.strip()
    return ("" if kind == "SN" else " ").join(part for part in parts if part)


def _judgement(obx: Segment) -> dict[str, Any]:
    """OBX-8 and OBX-7: whether the value is normal, and within what."""
    flags = [flag for rep in obx.field(8).reps() if (flag := rep.get(1).upper()) in INTERPRETATIONS]
    found: dict[str, Any] = {}
    if flags:
        found["interpretation"] = [
            {"coding": [{"system": V3_OBSERVATION_INTERPRETATION, "code": flag, "display": INTERPRETATIONS[flag]}]}
            for flag in dict.fromkeys(flags)
        ]
    if limits := obx.field(7).rep(0).value.strip():
        found["referenceRange"] = [{"text": limits}]
    return found


def _quantity(text: str, obx: Segment) -> dict[str, Any]:
    number = float(text) if "." in text else int(text)
    quantity: dict[str, Any] = {"value": number}
    if unit := obx.get(6, 2) or obx.get(6):
        quantity["unit"] = unit
    if obx.get(6, 3).upper() == "UCUM":
        quantity |= {"system": UCUM, "code": obx.get(6)}
    return quantity
