"""MR: a head (T1, T2, FLAIR) and a lumbar spine (T1, T2), slices of 256 x 256, 12 bits (DICOM PS3.3 A.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.emulated_trust.images.anatomy import axial_head, sagittal_lumbar_spine
from adapters.emulated_trust.images.canvas import Blob, Canvas, add_grain
from adapters.emulated_trust.images.kind import Pixels, SeriesShape

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_T1 = {
    "scalp": 1500, "skull": 120, "csf": 260, "grey": 800, "white": 1080, "falx": 500, "nucleus": 860,
    "eye": 330, "air": 10, "lesion": 620, "oedema": 700,
    "muscle": 480, "fat": 1500, "bowel": 560, "vertebra": 980, "disc": 620, "disc-worn": 450, "cord": 720,
}  # fmt: skip
_T2 = {
    "scalp": 1000, "skull": 100, "csf": 2100, "grey": 1120, "white": 820, "falx": 420, "nucleus": 960,
    "eye": 2150, "air": 10, "lesion": 1700, "oedema": 1500,
    "muscle": 300, "fat": 1150, "bowel": 620, "vertebra": 720, "disc": 1350, "disc-worn": 330, "cord": 640,
}  # fmt: skip
_FLAIR = _T2 | {"csf": 160, "eye": 220, "grey": 1180, "white": 900, "lesion": 1650, "oedema": 1850}
_WEIGHTS = {1: (_T1, 500.0, 12.0, None), 2: (_T2, 4200.0, 98.0, None), 3: (_FLAIR, 9000.0, 110.0, 2500.0)}
_SLICES = {"HEAD": (22, 6.0), "LSPINE": (11, 5.0)}


def _draw(canvas: Canvas, blobs: list[Blob], series: int, seed: int) -> Pixels:
    plane = canvas.paint(blobs, _WEIGHTS[series][0], 12, edge=1.3)
    ys, xs = np.linspace(-1, 1, canvas.rows, dtype=np.float32), np.linspace(-1, 1, canvas.columns, dtype=np.float32)
    coil = 1.06 - 0.16 * (xs[None, :] ** 2 + ys[:, None] ** 2)  # a receive coil hears the rim and centre differently
    return np.clip(np.abs(add_grain(plane * coil, 26, seed)), 0, 4095).astype(np.uint16)


def _acquisition(series: int) -> dict[str, Any]:
    """MR Image module (PS3.3 C.8.3.1)."""
    _, repetition, echo, inversion = _WEIGHTS[series]
    return {
        "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "ScanningSequence": "IR" if inversion else "SE",
        "SequenceVariant": "SK",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": repetition,
        "EchoTime": echo,
        "EchoTrainLength": 1 if series == 1 else 16,
        "MagneticFieldStrength": 1.5,
        "WindowCenter": 800 if series == 1 else 1000,
        "WindowWidth": 1600 if series == 1 else 2000,
        "PatientPosition": "HFS",
        "BitsStored": 12,
    } | ({"InversionTime": inversion} if inversion else {})


class MrHead:
    """The head of the CT in three weightings."""

    modality, body_part, sop_class_uid = "MR", "HEAD", MR_IMAGE_STORAGE
    size = (256, 256)
    series: tuple[SeriesShape, ...] = (
        SeriesShape(1, "Axial T1 SE", 22), SeriesShape(2, "Axial T2 TSE", 22), SeriesShape(3, "Axial FLAIR", 22),
    )  # fmt: skip
    _canvas = Canvas(256, 256, 0.9)

    def _z(self, instance: int) -> float:
        slices, thickness = _SLICES["HEAD"]
        return (instance - (slices + 1) / 2) * thickness

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        return _draw(self._canvas, axial_head(self._z(instance), variant), series, series * 100 + instance)

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        corner = round(-(self._canvas.columns - 1) / 2 * self._canvas.spacing, 4)
        return _acquisition(series) | {
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [corner, corner, self._z(instance)],
            "SliceLocation": self._z(instance),
            "SliceThickness": 5.0,
            "SpacingBetweenSlices": 6.0,
            "PixelSpacing": [self._canvas.spacing, self._canvas.spacing],
        }


class MrLumbarSpine:
    """A lower back from the side; with a finding, the L4/5 disc is worn and bulges."""

    modality, body_part, sop_class_uid = "MR", "LSPINE", MR_IMAGE_STORAGE
    size = (256, 256)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Sagittal T1 TSE", 11), SeriesShape(2, "Sagittal T2 TSE", 11))
    _canvas = Canvas(256, 256, 1.2)

    def _x(self, instance: int) -> float:
        slices, thickness = _SLICES["LSPINE"]
        return (instance - (slices + 1) / 2) * thickness

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        blobs = sagittal_lumbar_spine(self._x(instance), variant)
        return _draw(self._canvas, blobs, series, series * 100 + instance)

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        corner = round(-(self._canvas.columns - 1) / 2 * self._canvas.spacing, 4)
        return _acquisition(series) | {
            "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
            "ImagePositionPatient": [self._x(instance), corner, -corner],
            "SliceLocation": self._x(instance),
            "SliceThickness": 4.0,
            "SpacingBetweenSlices": 5.0,
            "PixelSpacing": [self._canvas.spacing, self._canvas.spacing],
        }
