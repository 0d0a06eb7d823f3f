"""ZDS, IPC and OBR-18 -> ImagingStudy: the study as the RIS announces it, before any image. The mapping is ours.

Under its Study Instance UID when that is known, else under the accession number within its issuer: a UID is never
invented. IHE Radiology RAD-4 (ZDS); HL7 v2.5.1 chapter 4.6 (IPC). https://hl7.org/fhir/R4/imagingstudy.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hl7.fragments import BusinessKey, Fragment
from hl7.reading import Reading
from hl7.segments.ce_codeableconcept import codeable_concept, exam_code_system
from hl7.segments.cx_identifier import typed_identifier
from hl7.segments.order_line import OrderLine
from terminology.systems import DCM, DICOM_UID

# Images, when they come, rank above all that an order can say.
STUDY_RANKS = {"registered": 1, "cancelled": 2, "available": 3, "entered-in-error": 4}


def study_uids_by_accession(lines: Sequence[OrderLine]) -> dict[str, tuple[str, ...]]:
    """Every accession's study UIDs: one ZDS may stand for several order lines of one accession."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        known = found.get(line.accession, ())
        found[line.accession] = tuple(dict.fromkeys(known + line.study_uids))
    return found


def zds_imagingstudies(
    line: OrderLine,
    uids: tuple[str, ...],
    reading: Reading,
    when: datetime,
    *,
    cancelled: bool = False,
) -> list[BusinessKey]:
    """Adds the studies of an order line and gives their keys; none when neither UID nor accession is known."""
    profile = reading.profile
    accession = None
    if line.accession:
        accession = BusinessKey("ImagingStudy", profile.system("accession"), line.accession)
    keys = [BusinessKey("ImagingStudy", DICOM_UID, f"urn:oid:{uid}") for uid in uids]
    if len(keys) > 1:
        reading.warn("ZDS-1", "several-studies", "one accession number with several Study Instance UIDs")
    # With several studies the accession names none of them.
    aliases = (accession,) if accession and len(keys) == 1 else ()
    for key in keys or ([accession] if accession else []):
        status = "cancelled" if cancelled else "registered"
        content, sources = _content(line, key, reading, status)
        added = ("identifier", "basedOn", "procedureCode", "modality")
        rank = STUDY_RANKS[status]
        reading.add(Fragment(key, content, when, rank, aliases=aliases, sources=sources, accumulates=added))
    return keys or ([accession] if accession else [])


def _content(line: OrderLine, key: BusinessKey, reading: Reading, status: str) -> tuple[dict[str, Any], dict[str, str]]:
    assert reading.patient is not None  # noqa: S101 - messages map PID first
    identifiers: list[dict[str, Any]] = []
    if key.system == DICOM_UID:
        identifiers.append({"system": DICOM_UID, "value": key.value})
    if line.accession:
        identifiers.append(typed_identifier("ACSN", reading.profile.system("accession"), line.accession))
    content: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "identifier": identifiers,
        "status": status,
        "subject": reading.patient.reference(),
    }
    sources = {"identifier": f"ZDS-1, IPC-3, OBX-5, {line.accession_from}", "status": "ORC-1", "subject": "PID-3"}
    if line.key:
        content["basedOn"], sources["basedOn"] = [line.key.reference()], "ORC-3"
    if reading.encounter:
        content["encounter"], sources["encounter"] = reading.encounter.reference(), "PV1-19"
    if line.modality:
        content["modality"], sources["modality"] = [{"system": DCM, "code": line.modality}], "IPC-5, OBR-24"
    obr = line.group.obr
    if obr and (code := codeable_concept(obr.field(4).rep(0), reading, exam_code_system(reading))):
        content["procedureCode"], sources["procedureCode"] = [code], "OBR-4"
    return content, sources
