"""The identifier under which DICOMweb callers know a person: the NHS number, else the record's own Patient id.

A PatientID means nothing outside the trust that gave it, and two trusts may give the same one to two people; viewers
look for priors with the bare number. So every answer carries the regional identifier, and no local one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.dicom_json import element
from fhir_server.imaging.ports import DicomJson
from terminology.systems import NHS_NUMBER

_NHS_NUMBER_OID = "2.16.840.1.113883.2.1.4.1"
_SEX = {"male": "M", "female": "F", "other": "O"}


@dataclass(frozen=True)
class RegionalIdentity:
    """Patient Module attributes (PS3.3 C.7.1.1) as the region knows them; "" where it does not."""

    patient_id: str
    issuer: str
    name: str = ""
    birth_date: str = ""
    sex: str = ""

    def id_elements(self) -> DicomJson:
        """PatientID and its issuer."""
        found = {
            tags.PATIENT_ID: element("LO", self.patient_id),
            tags.ISSUER_OF_PATIENT_ID: element("LO", self.issuer),
        }
        if self.issuer == "NHS":
            universal = {"00400032": element("UT", _NHS_NUMBER_OID), "00400033": element("CS", "ISO")}
            found[tags.ISSUER_OF_PATIENT_ID_QUALIFIERS] = {"vr": "SQ", "Value": [universal]}
        return found

    def elements(self) -> DicomJson:
        """The patient's part of a study row."""
        return {
            tags.PATIENT_NAME: element("PN", self.name),
            tags.PATIENT_BIRTH_DATE: element("DA", self.birth_date),
            tags.PATIENT_SEX: element("CS", self.sex),
            **self.id_elements(),
        }


def make_identity(patient_id: str | None, body: bytes | None) -> RegionalIdentity:
    """The identity of a Patient by logical id and, if the caller may read it, its document."""
    patient: dict[str, Any] = json.loads(body) if body else {}
    number, born = nhs_number(patient), str(patient.get("birthDate", ""))
    return RegionalIdentity(
        patient_id=number or patient_id or "",
        issuer="NHS" if number else "IMAGINGRECORD",
        name=person_name(patient),
        birth_date=born.replace("-", "") if len(born) == 10 else "",  # a DICOM date is a whole day
        sex=_SEX.get(patient.get("gender", ""), ""),
    )


def nhs_number(patient: dict[str, Any]) -> str:
    """The Patient's NHS number as ten digits; "" when it has none."""
    found = [i.get("value", "") for i in patient.get("identifier", ()) if i.get("system") == NHS_NUMBER]
    return str(found[0]).replace(" ", "") if found else ""


def person_name(patient: dict[str, Any]) -> str:
    """The first name as a DICOM person name, `family^given^^prefix`."""
    for name in patient.get("name", ()):
        parts = [name.get("family", ""), *[" ".join(name.get(k, ())) for k in ("given", "middle", "prefix", "suffix")]]
        return "^".join(part.replace("^", " ") for part in parts).rstrip("^")
    return ""
