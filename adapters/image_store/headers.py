"""What the image store says of its objects: QIDO-RS rows and WADO-RS metadata, from headers (PS3.18 10.6, 10.4.1)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.tag import Tag

from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.ports import DicomJson

_BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_INLINE_BYTES_MAX = 1024
_STUDY_TAGS = (
    tags.STUDY_DATE, tags.STUDY_TIME, tags.ACCESSION_NUMBER, tags.ISSUER_OF_ACCESSION, tags.REFERRING_PHYSICIAN_NAME,
    tags.TIMEZONE_OFFSET, tags.STUDY_DESCRIPTION, tags.PATIENT_NAME, tags.PATIENT_ID, tags.ISSUER_OF_PATIENT_ID,
    tags.PATIENT_BIRTH_DATE, tags.PATIENT_SEX, tags.OTHER_PATIENT_IDS_SEQUENCE, tags.STUDY_INSTANCE_UID, tags.STUDY_ID,
)  # fmt: skip
_SERIES_TAGS = (
    tags.MODALITY, tags.SERIES_DATE, tags.SERIES_TIME, tags.SERIES_DESCRIPTION, tags.BODY_PART_EXAMINED,
    tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID, tags.SERIES_NUMBER,
)  # fmt: skip
_INSTANCE_TAGS = (
    tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID, tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID, tags.INSTANCE_NUMBER,
    tags.NUMBER_OF_FRAMES, tags.ROWS, tags.COLUMNS,
)  # fmt: skip


def transfer_syntax(path: Path) -> str:
    """Read from the file meta information alone. A deflated data set must be known before it is opened: a file of
    300 KB may unfold to a gigabyte, and reading its header unfolds all of it. InvalidDicomError as `read_header`."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            raise InvalidDicomError("no DICM prefix")
    return str(read_file_meta_info(path).get("TransferSyntaxUID", ""))


def read_header(path: Path) -> FileDataset:
    """The object's header, up to its pixels (pydicom's complaints about odd values do not stop it)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, stop_before_pixels=True)


def metadata(path: Path, base: str) -> DicomJson:
    """The metadata of one object; `base` is the URI of the instance, below which bulk data is found."""
    header = read_header(path)
    found = {_name(element): _json(element, base) for element in header if element.tag.group != 2}
    found[tags.SPECIFIC_CHARACTER_SET] = tags.element("CS", "ISO_IR 192")
    if tags.ROWS in found:
        found["7FE00010"] = {"vr": "OW", "BulkDataURI": f"{base}/bulk/7FE00010"}
    return found


def study_row(headers: Iterable[DicomJson], series_count: int, instance_count: int) -> DicomJson:
    """The study-level row of the study that these headers (one per series) belong to."""
    listed = list(headers)
    row = _pick(listed[0], _STUDY_TAGS)
    modalities = sorted({tags.text(h, tags.MODALITY) for h in listed} - {""})
    row[tags.MODALITIES_IN_STUDY] = tags.element("CS", modalities)
    row[tags.NUMBER_OF_STUDY_SERIES] = tags.element("IS", series_count)
    row[tags.NUMBER_OF_STUDY_INSTANCES] = tags.element("IS", instance_count)
    return row


def series_row(header: DicomJson, instance_count: int) -> DicomJson:
    return {**_pick(header, _SERIES_TAGS), tags.NUMBER_OF_SERIES_INSTANCES: tags.element("IS", instance_count)}


def instance_row(header: DicomJson) -> DicomJson:
    return _pick(header, _INSTANCE_TAGS)


def _pick(header: DicomJson, wanted: Iterable[str]) -> DicomJson:
    row = {tag: header[tag] for tag in sorted(wanted) if tag in header}
    row[tags.SPECIFIC_CHARACTER_SET] = tags.element("CS", "ISO_IR 192")
    row[tags.INSTANCE_AVAILABILITY] = tags.element("CS", "ONLINE")
    return row


def _name(element: DataElement) -> str:
    return f"{element.tag.group:04X}{element.tag.element:04X}"


def _json(element: DataElement, base: str) -> dict[str, Any]:
    """One element; a long binary value becomes a link (top-level elements only, nested ones are small)."""
    if element.VR in _BULK_VRS and isinstance(element.value, bytes) and len(element.value) > _INLINE_BYTES_MAX:
        return {"vr": element.VR, "BulkDataURI": f"{base}/bulk/{_name(element)}"}
    try:
        return element.to_json_dict(None, 1 << 40)
    except (ValueError, TypeError, KeyError):  # a value that breaks its own VR: the element is named, without it
        return {"vr": element.VR if len(element.VR) == 2 else "UN"}


def bulk_value(path: Path, tag: str) -> bytes | None:
    """The bytes of one top-level binary element other than pixel data; None when there are none."""
    header: Dataset = read_header(path)
    element = header.get(Tag(int(tag, 16)))
    return element.value if element is not None and isinstance(element.value, bytes) else None
