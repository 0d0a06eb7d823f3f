"""A planned study as DICOM objects: the header of an instance, and the whole instance with its pixels."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from adapters.emulated_trust.images import KINDS, Pixels
from adapters.emulated_trust.images.canvas import burn_label
from adapters.emulated_trust.study import InstancePlan, StudyPlan
from adapters.emulated_trust.uids import make_uid

IMPLEMENTATION_CLASS_UID = UID(make_uid("emulated_trust"))


def make_header(plan: StudyPlan, instance: InstancePlan) -> Dataset:
    """The data set without Pixel Data, so that searches and metadata cost no drawing."""
    header = Dataset()
    for attributes in (_patient(plan), _study(plan), _series(plan, instance), _equipment(plan), _image(plan, instance)):
        _set_all(header, attributes)
    return header


def make_instance(plan: StudyPlan, instance: InstancePlan) -> Dataset:
    """The data set with its picture, label burned in."""
    whole = make_header(plan, instance)
    pixels = labelled_pixels(plan, instance)
    whole.PixelData = pixels.tobytes()
    whole["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    return whole


def make_part10(dataset: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The data set as a DICOM file (PS3.10); its Pixel Data must already be in the transfer syntax."""
    dataset.file_meta = make_file_meta(dataset, transfer_syntax)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def make_file_meta(dataset: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = "EMULATED_TRUST_1"
    return meta


def labelled_pixels(plan: StudyPlan, instance: InstancePlan) -> Pixels:
    """The picture with the words that say which trust, modality and image this is."""
    kind = plan.image_kind
    shape = kind.series[instance.series_number - 1]
    bits = int(kind.attributes(instance.series_number, instance.instance_number)["BitsStored"])
    lines = (
        f"{plan.place.trust} {plan.place.site_name}",
        f"{plan.modality} {shape.description}",
        f"image {instance.instance_number}/{shape.instances}  SYNTHETIC",
    )
    template = _template(plan.kind, instance.series_number, instance.instance_number, plan.variant)
    return burn_label(template, lines, round((2**bits - 1) * 0.9))


@lru_cache(maxsize=64)
def _template(kind: str, series: int, instance: int, variant: int) -> Pixels:
    return KINDS[kind].pixels(series, instance, variant)


def _patient(plan: StudyPlan) -> dict[str, Any]:
    """Patient module (PS3.3 C.7.1.1); the NHS number is an Other Patient ID, as PACSs carry it."""
    patient = plan.patient
    nhs = [{"PatientID": patient.nhs_number, "IssuerOfPatientID": "NHS", "TypeOfPatientID": "TEXT"}]
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": f"{patient.family}^{patient.given}",
        "PatientID": patient.patient_id,
        "IssuerOfPatientID": patient.issuer,
        "PatientBirthDate": patient.birth_date.strftime("%Y%m%d"),
        "PatientSex": patient.sex,
    } | ({"OtherPatientIDsSequence": nhs} if patient.nhs_number else {})


def _study(plan: StudyPlan) -> dict[str, Any]:
    """General Study module (PS3.3 C.7.2.1)."""
    code = {"CodeValue": plan.procedure_code, "CodingSchemeDesignator": "NICIP", "CodeMeaning": plan.description}
    return {
        "StudyInstanceUID": plan.study_instance_uid,
        "StudyDate": plan.started.strftime("%Y%m%d"),
        "StudyTime": plan.started.strftime("%H%M%S"),
        "TimezoneOffsetFromUTC": plan.started.strftime("%z"),
        "AccessionNumber": plan.accession_number,
        "IssuerOfAccessionNumberSequence": [{"LocalNamespaceEntityID": plan.place.trust}],
        "StudyID": plan.accession_number[-8:],
        "StudyDescription": plan.description,
        "ReferringPhysicianName": plan.referrer,
        "ProcedureCodeSequence": [code],
    }


def _series(plan: StudyPlan, instance: InstancePlan) -> dict[str, Any]:
    """General Series and Frame of Reference modules (PS3.3 C.7.3.1, C.7.4.1)."""
    shape = plan.image_kind.series[instance.series_number - 1]
    series = {
        "Modality": plan.modality,
        "SeriesInstanceUID": instance.series_instance_uid,
        "SeriesNumber": instance.series_number,
        "SeriesDescription": shape.description,
        "SeriesDate": plan.started.strftime("%Y%m%d"),
        "SeriesTime": plan.started.strftime("%H%M%S"),
        "BodyPartExamined": plan.image_kind.body_part,
    }
    if plan.modality in ("CT", "MR"):
        series |= {"FrameOfReferenceUID": plan.frame_of_reference_uid, "PositionReferenceIndicator": ""}
    return series


def _equipment(plan: StudyPlan) -> dict[str, Any]:
    """General Equipment module (PS3.3 C.7.5.1)."""
    return {
        "Manufacturer": "Emulated Imaging",
        "ManufacturerModelName": f"Phantom {plan.modality}",
        "InstitutionName": f"{plan.place.site_name}, {plan.place.trust_name}",
        "StationName": f"{plan.place.site}{plan.modality}1"[:16],
        "SoftwareVersions": "1",
        "DeviceSerialNumber": plan.place.site,
    }


def _image(plan: StudyPlan, instance: InstancePlan) -> dict[str, Any]:
    """General Image, Image Pixel, SOP Common and the modality's own modules (PS3.3 C.7.6, C.12.1)."""
    kind = plan.image_kind
    attributes = kind.attributes(instance.series_number, instance.instance_number)
    stored = int(attributes["BitsStored"])
    rows, columns = kind.size
    own = {
        "SOPClassUID": kind.sop_class_uid,
        "SOPInstanceUID": instance.sop_instance_uid,
        "InstanceNumber": instance.instance_number,
        "AcquisitionDate": plan.started.strftime("%Y%m%d"),
        "AcquisitionTime": plan.started.strftime("%H%M%S"),
        "ContentDate": plan.started.strftime("%Y%m%d"),
        "ContentTime": plan.started.strftime("%H%M%S"),
        "BurnedInAnnotation": "YES",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 8 if stored <= 8 else 16,
        "HighBit": stored - 1,
        "PixelRepresentation": 0,
    }
    side = {"ImageLaterality": plan.laterality} if plan.laterality and "ImageLaterality" in attributes else {}
    return own | attributes | side


def _set_all(dataset: Dataset, attributes: dict[str, Any]) -> None:
    for keyword, value in attributes.items():
        setattr(dataset, keyword, [_item(member) for member in value] if _is_sequence(value) else value)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, dict) for member in value)


def _item(attributes: dict[str, Any]) -> Dataset:
    item = Dataset()
    _set_all(item, attributes)
    return item
