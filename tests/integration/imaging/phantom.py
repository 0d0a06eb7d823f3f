"""Synthetic studies: a head phantom as CT, with a burned-in label that says whose it is, so a screenshot proves it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True)
class Phantom:
    """One CT study. `nhs_number` goes to OtherPatientIDsSequence under the issuer NHS, as UK systems write it."""

    label: str = "TRUST A"
    patient_id: str = "A0001"
    patient_name: str = "EXEMPLAR^Ada^^Ms"
    nhs_number: str = "9990000026"
    accession: str = "ACC0001"
    study_date: str = "20261120"
    slices: int = 4
    size: int = 128
    study_uid: str = ""
    description: str = "CT Head"

    def files(self) -> list[bytes]:
        """The objects as DICOM files."""
        study, series, frame = self.study_uid or generate_uid(), generate_uid(), generate_uid()
        return [_encode(self._object(number, study, series, frame)) for number in range(1, self.slices + 1)]

    def _object(self, number: int, study: str, series: str, frame: str) -> FileDataset:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CT_STORAGE
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        found.SOPClassUID, found.SOPInstanceUID = CT_STORAGE, meta.MediaStorageSOPInstanceUID
        found.StudyInstanceUID, found.SeriesInstanceUID, found.FrameOfReferenceUID = study, series, frame
        found.StudyDate = found.SeriesDate = found.ContentDate = self.study_date
        found.StudyTime = found.SeriesTime = "101500"
        found.StudyDescription, found.SeriesDescription = self.description, "Axial"
        found.Modality, found.BodyPartExamined, found.StudyID = "CT", "HEAD", "1"
        found.AccessionNumber, found.Manufacturer = self.accession, "Phantom"
        found.PatientID, found.PatientName = self.patient_id, self.patient_name
        found.PatientBirthDate, found.PatientSex = "19610504", "F"
        other = Dataset()
        other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = self.nhs_number, "NHS", "TEXT"
        found.OtherPatientIDsSequence = [other]
        found.SeriesNumber, found.InstanceNumber = 1, number
        found.ImageOrientationPatient, found.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-64, -64, number * 5.0]
        found.PixelSpacing, found.SliceThickness = [1, 1], 5
        found.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        _set_pixels(found, _slice(self.size, number, self.slices, self.label))
        return found


def _set_pixels(found: FileDataset, values: np.ndarray) -> None:
    found.Rows, found.Columns = values.shape
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 12, 11, 0
    found.RescaleIntercept, found.RescaleSlope, found.RescaleType = -1024, 1, "HU"
    found.WindowCenter, found.WindowWidth = 40, 400
    found.PixelData = values.astype("<u2").tobytes()


def _slice(size: int, number: int, slices: int, label: str) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] - size / 2
    radius = size * 0.42
    head = (x / radius) ** 2 + (y / (radius * 1.15)) ** 2
    values = np.where(head < 1, np.where(head > 0.85, 1900, 1064), 24).astype(np.int32)
    values[((x - size / 10) ** 2 + (y + size / 12) ** 2) < (size / 14) ** 2] = 1110
    picture = Image.fromarray(np.zeros((size, size), np.uint8))
    ImageDraw.Draw(picture).text((4, 4), f"{label}\nCT {number}/{slices}", fill=255)
    values[np.asarray(picture) > 0] = 1400
    return values


def _encode(found: FileDataset) -> bytes:
    buffer = io.BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
