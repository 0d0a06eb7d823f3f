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
from hl7.tables.results import OBSERVATION_STATUSES, REPORT_RANKS
from hl7.view import Segment
from terminology.systems import UCUM

_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{1,18})?|\.\d{1,18})", re.ASCII)
_OBSERVATION_CODES = "observation-code"


def obx_observation(obx: Segment, parent: BusinessKey, reading: Reading, when: datetime) -> BusinessKey | None:
    """Adds one Observation under its report or order and gives its key; None for what is none (OBX-11 N or O)."""
    status = OBSERVATION_STATUSES.get(obx.get(11).upper(), "unknown")
    if not status or reading.patient is None:
        return None
    code = codeable_concept(obx.field(3).rep(0), reading, reading.profile.system(_OBSERVATION_CODES))
    if not code:
        reading.warn("OBX-3", "no-code", "a result without a code was left out")
        return None
    value = f"{parent.value}^{obx.get(3)}^{obx.get(4)}"
    key = BusinessKey("Observation", f"{parent.system}/observation", value)
    content: dict[str, Any] = {
        "resourceType": "Observation",
        "identifier": [{"system": key.system, "value": key.value}],
        "status": status,
        "code": code,
        "subject": reading.patient.reference(),
        **_value(obx, reading),
    }
    if moment := reading.moment(obx, 14):
        content["effectiveDateTime"] = moment.fhir
    sources = {"status": "OBX-11", "code": "OBX-3", "value": "OBX-5"}
    rank = REPORT_RANKS.get(status, 0)
    reading.add(Fragment(key, content, when, rank, sources=sources))
    return key


def _value(obx: Segment, reading: Reading) -> dict[str, Any]:
    """value[x] by OBX-2; a number that is none stays as text."""
    rep, kind = obx.field(5).rep(0), obx.get(2).upper()
    text = rep.value.strip()
    if kind == "NM" and _NUMBER.fullmatch(text):
        return {"valueQuantity": _quantity(text, obx)}
    if kind in ("CE", "CWE", "CNE", "IS") and (concept := codeable_concept(rep, reading)):
        return {"valueCodeableConcept": concept}
    if kind in ("DT", "TS", "DTM") and (moment := reading.moment(obx, 5)):
        return {"valueDateTime": moment.fhir}
    return {"valueString": text} if text else {}


def _quantity(text: str, obx: Segment) -> dict[str, Any]:
    number = float(text) if "." in text else int(text)
    quantity: dict[str, Any] = {"value": number}
    if unit := obx.get(6, 2) or obx.get(6):
        quantity["unit"] = unit
    if obx.get(6, 3).upper() == "UCUM":
        quantity |= {"system": UCUM, "code": obx.get(6)}
    return quantity
