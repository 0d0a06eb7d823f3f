"""CT: a head and a chest, axial slices of 512 x 512 in Hounsfield units, 12 bits (DICOM PS3.3 A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.emulated_trust.images.anatomy import axial_chest, axial_head
from adapters.emulated_trust.images.canvas import Canvas, add_grain
from adapters.emulated_trust.images.kind import Pixels, Plane, SeriesShape

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
INTERCEPT = -1024
_HEAD = {
    "scalp": 45, "skull": 950, "csf": 6, "grey": 38, "white": 29, "falx": 52, "nucleus": 40,
    "eye": 15, "air": -990, "lesion": 66, "oedema": 16,
}  # fmt: skip
_CHEST = {
    "fat": -100, "muscle": 48, "rib": 520, "lung": -840, "vertebra": 320, "canal": 25,
    "blood": 125, "air": -990, "nodule": 60,
}  # fmt: skip


def stored_values(hounsfield: Plane) -> Pixels:
    stored: Pixels = np.clip(np.rint(hounsfield) - INTERCEPT, 0, 4095).astype(np.uint16)
    return stored


@dataclass(frozen=True)
class AxialGeometry:
    """Where the slices lie: the first is the lowest, the middle slice is at z = 0."""

    canvas: Canvas
    slices: int
    thickness: float

    def z(self, instance: int) -> float:
        return (instance - (self.slices + 1) / 2) * self.thickness

    def attributes(self, instance: int) -> dict[str, Any]:
        """Image Plane and CT Image modules (PS3.3 C.7.6.2, C.8.2.1)."""
        corner = -(self.canvas.columns - 1) / 2 * self.canvas.spacing
        return {
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [round(corner, 4), round(corner, 4), self.z(instance)],
            "SliceLocation": self.z(instance),
            "SliceThickness": self.thickness,
            "SpacingBetweenSlices": self.thickness,
            "PixelSpacing": [self.canvas.spacing, self.canvas.spacing],
            "RescaleIntercept": INTERCEPT,
            "RescaleSlope": 1,
            "RescaleType": "HU",
            "KVP": 120,
            "PatientPosition": "HFS",
            "AcquisitionNumber": 1,
            "BitsStored": 12,
        }


class CtHead:
    """A head with skull, ventricles and, with a finding, a haemorrhage in its oedema."""

    modality, body_part, sop_class_uid = "CT", "HEAD", CT_IMAGE_STORAGE
    size = (512, 512)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Axial head 5.0 H31s", 30),)
    _geometry = AxialGeometry(Canvas(512, 512, 0.45), 30, 5.0)

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        z = self._geometry.z(instance)
        plane = self._geometry.canvas.paint(axial_head(z, variant), _HEAD, -1000)
        return stored_values(add_grain(plane, 3.5, instance))

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        window = {"WindowCenter": [40, 500], "WindowWidth": [80, 2000]}
        words = {"WindowCenterWidthExplanation": ["BRAIN", "BONE"], "ConvolutionKernel": "H31s"}
        return self._geometry.attributes(instance) | window | words


class CtChest:
    """A chest with lungs, heart, ribs and, with a finding, a nodule in the right lung."""

    modality, body_part, sop_class_uid = "CT", "CHEST", CT_IMAGE_STORAGE
    size = (512, 512)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Axial thorax 8.0 B31f", 26),)
    _geometry = AxialGeometry(Canvas(512, 512, 0.75), 26, 8.0)

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        z = self._geometry.z(instance)
        plane = self._geometry.canvas.paint(axial_chest(z, variant), _CHEST, -1000, edge=1.5)
        return stored_values(add_grain(plane, 9, instance))

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        window = {"WindowCenter": [40, -600], "WindowWidth": [400, 1500]}
        words = {"WindowCenterWidthExplanation": ["SOFT", "LUNG"], "ConvolutionKernel": "B31f"}
        return self._geometry.attributes(instance) | window | words
