"""QIDO-RS rows made from the record's ImagingStudy documents (PS3.18 tables 10.6.3-3 and 10.6.3-4). Pure."""

from __future__ import annotations

from typing import Any

from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.dicom_json import element
from fhir_server.imaging.ports import DicomJson
from fhir_server.imaging.regional_identity import RegionalIdentity
from terminology.systems import DICOM_UID, TYPE_ACCESSION

Json = dict[str, Any]


def study_uid(document: Json) -> str:
    """The Study Instance UID of an ImagingStudy document; "" when it has none."""
    for identifier in document.get("identifier", ()):
        if identifier.get("system") == DICOM_UID:
            return str(identifier.get("value", "")).removeprefix("urn:oid:")
    return ""


def endpoint_ids(document: Json) -> list[str]:
    """Logical ids of the Endpoints that the study, or any of its series, names."""
    listed = [*document.get("endpoint", ()), *[e for s in document.get("series", ()) for e in s.get("endpoint", ())]]
    references = [str(e.get("reference", "")) for e in listed]
    return list(dict.fromkeys(r.split("/")[1] for r in references if r.startswith("Endpoint/")))


def accession_number(document: Json) -> str:
    for identifier in document.get("identifier", ()):
        codes = {c.get("code") for c in identifier.get("type", {}).get("coding", ())}
        if TYPE_ACCESSION in codes:
            return str(identifier.get("value", ""))
    return ""


def study_row(document: Json, identity: RegionalIdentity, root: str, *, opens: bool = True) -> DicomJson:
    """The study-level row; `root` is the URL of our DICOMweb root, `opens` whether its images may open now."""
    uid = study_uid(document)
    series = document.get("series", ())
    codes = sorted({c.get("code", "") for c in document.get("modality", ())} | {_modality(s) for s in series})
    day, clock = _day_and_time(document.get("started", ""))
    row = {
        tags.SPECIFIC_CHARACTER_SET: element("CS", "ISO_IR 192"),
        tags.STUDY_DATE: element("DA", day),
        tags.STUDY_TIME: element("TM", clock),
        tags.ACCESSION_NUMBER: element("SH", accession_number(document)),
        tags.INSTANCE_AVAILABILITY: element("CS", "ONLINE" if opens else "UNAVAILABLE"),
        tags.MODALITIES_IN_STUDY: element("CS", codes),
        tags.REFERRING_PHYSICIAN_NAME: element("PN"),
        tags.STUDY_DESCRIPTION: element("LO", document.get("description", "")),
        tags.RETRIEVE_URL: element("UR", f"{root}/studies/{uid}"),
        tags.STUDY_INSTANCE_UID: element("UI", uid),
        tags.STUDY_ID: element("SH"),
        tags.NUMBER_OF_STUDY_SERIES: element("IS", document.get("numberOfSeries") or len(series) or ""),
        tags.NUMBER_OF_STUDY_INSTANCES: element("IS", document.get("numberOfInstances") or ""),
        **identity.elements(),
    }
    return dict(sorted(row.items()))


def series_rows(document: Json, root: str) -> list[DicomJson]:
    """The series-level rows of one study."""
    uid = study_uid(document)
    return [_series_row(series, uid, root) for series in document.get("series", ())]


def _series_row(series: Json, uid: str, root: str) -> DicomJson:
    day, clock = _day_and_time(series.get("started", ""))
    return {
        tags.SPECIFIC_CHARACTER_SET: element("CS", "ISO_IR 192"),
        tags.SERIES_DATE: element("DA", day),
        tags.SERIES_TIME: element("TM", clock),
        tags.MODALITY: element("CS", _modality(series)),
        tags.SERIES_DESCRIPTION: element("LO", series.get("description", "")),
        tags.RETRIEVE_URL: element("UR", f"{root}/studies/{uid}/series/{series.get('uid')}"),
        tags.BODY_PART_EXAMINED: element("CS", series.get("bodySite", {}).get("display", "")),
        tags.STUDY_INSTANCE_UID: element("UI", uid),
        tags.SERIES_INSTANCE_UID: element("UI", series.get("uid", "")),
        tags.SERIES_NUMBER: element("IS", series.get("number", "")),
        tags.NUMBER_OF_SERIES_INSTANCES: element("IS", series.get("numberOfInstances", "")),
    }


def _modality(series: Json) -> str:
    return str(series.get("modality", {}).get("code", ""))


def _day_and_time(started: str) -> tuple[str, str]:
    """DICOM date and time of a FHIR dateTime, as local as it was written."""
    day, _, rest = started.partition("T")
    return (day.replace("-", "") if len(day) == 10 else ""), rest[:8].replace(":", "")
