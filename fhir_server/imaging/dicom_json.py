"""Reading and writing the DICOM JSON model (PS3.18 annex F): values by tag, person names, single elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.imaging.ports import DicomJson

SPECIFIC_CHARACTER_SET = "00080005"
INSTANCE_AVAILABILITY = "00080056"
SOP_CLASS_UID = "00080016"
SOP_INSTANCE_UID = "00080018"
STUDY_DATE = "00080020"
SERIES_DATE = "00080021"
STUDY_TIME = "00080030"
SERIES_TIME = "00080031"
ACCESSION_NUMBER = "00080050"
ISSUER_OF_ACCESSION = "00080051"
MODALITY = "00080060"
MODALITIES_IN_STUDY = "00080061"
REFERRING_PHYSICIAN_NAME = "00080090"
TIMEZONE_OFFSET = "00080201"
STUDY_DESCRIPTION = "00081030"
SERIES_DESCRIPTION = "0008103E"
RETRIEVE_URL = "00081190"
PATIENT_NAME = "00100010"
PATIENT_ID = "00100020"
ISSUER_OF_PATIENT_ID = "00100021"
ISSUER_OF_PATIENT_ID_QUALIFIERS = "00100024"
PATIENT_BIRTH_DATE = "00100030"
PATIENT_SEX = "00100040"
OTHER_PATIENT_IDS = "00101000"
OTHER_PATIENT_IDS_SEQUENCE = "00101002"
BODY_PART_EXAMINED = "00180015"
STUDY_INSTANCE_UID = "0020000D"
SERIES_INSTANCE_UID = "0020000E"
STUDY_ID = "00200010"
SERIES_NUMBER = "00200011"
INSTANCE_NUMBER = "00200013"
NUMBER_OF_STUDY_SERIES = "00201206"
NUMBER_OF_STUDY_INSTANCES = "00201208"
NUMBER_OF_SERIES_INSTANCES = "00201209"
NUMBER_OF_FRAMES = "00280008"
ROWS = "00280010"
COLUMNS = "00280011"


def values(row: DicomJson, tag: str) -> list[Any]:
    """The values of an element; empty when it is absent or has none."""
    element = row.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [v for v in found if v is not None] if isinstance(found, list) else []


def text(row: DicomJson, tag: str) -> str:
    """The first value as text without padding; a person name in its alphabetic form; "" when there is none."""
    found = values(row, tag)
    if not found:
        return ""
    first = found[0]
    if isinstance(first, dict):
        first = first.get("Alphabetic", "")
    return str(first).strip(" \0")


def number(row: DicomJson, tag: str) -> int | None:
    """The first value as an integer; None when there is none or it is not one."""
    try:
        return int(float(text(row, tag)))
    except ValueError:
        return None


def items(row: DicomJson, tag: str) -> list[DicomJson]:
    """The items of a sequence."""
    return [item for item in values(row, tag) if isinstance(item, dict)]


def element(vr: str, found: Sequence[Any] | Any = ()) -> dict[str, Any]:
    """One element; no `Value` member when there is no value, as annex F.2.5 asks."""
    listed = list(found) if isinstance(found, list | tuple) else [found]
    listed = [v for v in listed if v not in (None, "")]
    if vr == "PN":
        listed = [{"Alphabetic": v} for v in listed]
    return {"vr": vr, "Value": listed} if listed else {"vr": vr}
