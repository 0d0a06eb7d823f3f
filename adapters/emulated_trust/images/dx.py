"""Digital radiographs: a frontal chest and a knee, up to 1250 x 1024, 12 bits (DICOM PS3.3 A.26)."""

from __future__ import annotations

from math import pi, sin
from typing import Any

import numpy as np

from adapters.emulated_trust.images.canvas import Blob, Canvas, add_grain
from adapters.emulated_trust.images.kind import Pixels, Plane, SeriesShape, has_finding, is_large

DX_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.1.1"
_CHEST = {
    "body": 2150, "lung": -1350, "heart": 1200, "spine": 420, "rib": 250, "clavicle": 330,
    "diaphragm": 1150, "vessel": 190, "trachea": -330, "opacity": 620,
}  # fmt: skip
_VIEWS = {
    "AP": {"CodeValue": "399348003", "CodingSchemeDesignator": "SCT", "CodeMeaning": "antero-posterior"},
    "PA": {"CodeValue": "272479007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "postero-anterior"},
}
_KNEE = {"flesh": 1150, "bone": 950, "cortex": 420, "marrow": -240, "gap": -520, "patella": 260, "effusion": 330}


def _chest_blobs(variant: int) -> list[Blob]:
    heart = 1.22 if is_large(variant) else 1.0
    lungs = [Blob("lung", side * 82, -20, 66, 142, side * 5, 2.6) for side in (-1, 1)]
    domes = [Blob("diaphragm", -80, 215, 82, 122), Blob("diaphragm", 80, 224, 82, 120)]
    core = [Blob("spine", 0, 0, 17, 240, power=4), Blob("heart", 28, 70, 62 * heart, 66, 35, strength=0.95)]
    neck = [Blob("trachea", -2, -130, 9, 62, power=3), Blob("heart", 12, -28, 24, 44, strength=0.55)]
    bones = [Blob("clavicle", side * 75, -165, 66, 6.5, side * -14) for side in (-1, 1)]
    finding = [Blob("opacity", -88, 52, 34, 28, 15, strength=0.85)] if has_finding(variant) else []
    return [Blob("body", 0, 70, 178, 330, power=4), *lungs, *domes, *core, *neck, *bones, *_vessels(), *finding]


def _vessels() -> list[Blob]:
    return [
        Blob("vessel", side * (26 + 9.5 * n), -4 + 16 * n * sin(fan), 9 - n / 1.4, 2.6 - n / 5, side * fan * 180 / pi)
        for side in (-1, 1)
        for fan in (-1.0, -0.5, 0.0, 0.45, 0.9)
        for n in range(1, 8)
    ]


def _ribs() -> list[Blob]:
    """Each rib is an arc of short overlapping pieces, from the spine outwards and down."""
    return [_rib_piece(side, level, step / 15) for side in (-1, 1) for level in range(9) for step in range(16)]


def _rib_piece(side: int, level: int, along: float) -> Blob:
    x = 16 + 128 * along * (0.72 + 0.28 * sin(level / 8 * pi))
    y = -176 + level * 34 + 62 * along**2 - 22 * along
    return Blob("rib", side * x, y, 9, 4.2, side * (62 * along - 4))


def _stored(plane: Plane, sigma: float, seed: int) -> Pixels:
    return np.clip(add_grain(plane, sigma, seed), 0, 4095).astype(np.uint16)


def _attributes(canvas: Canvas, view: str, laterality: str, region: tuple[str, str]) -> dict[str, Any]:
    """DX Image, DX Detector, DX Positioning and DX Anatomy modules (PS3.3 C.8.11)."""
    return {
        "ImageType": ["ORIGINAL", "PRIMARY", ""],
        "PresentationIntentType": "FOR PRESENTATION",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1,
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
        "LossyImageCompression": "00",
        "BurnedInAnnotation": "YES",
        "WindowCenter": 1900,
        "WindowWidth": 3300,
        "ImagerPixelSpacing": [canvas.spacing, canvas.spacing],
        "PixelSpacing": [canvas.spacing, canvas.spacing],
        "DetectorType": "DIRECT",
        "ViewPosition": view,
        "PositionerType": "",
        "ImageLaterality": laterality,
        "PatientOrientation": ["L", "F"],
        "BitsStored": 12,
        "AnatomicRegionSequence": [
            {"CodeValue": region[0], "CodingSchemeDesignator": "SCT", "CodeMeaning": region[1]}
        ],
        "ViewCodeSequence": [_VIEWS[view]],
        "AcquisitionContextSequence": [],
    }


class DxChest:
    """A frontal chest film; with a finding, an opacity in the right lower zone."""

    modality, body_part, sop_class_uid = "DX", "CHEST", DX_IMAGE_STORAGE
    size = (1250, 1024)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Chest PA", 1, laterality="U"),)
    _canvas = Canvas(1250, 1024, 0.34)

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        plane = np.full((self._canvas.rows, self._canvas.columns), 130, dtype=np.float32)
        self._canvas.add(plane, _chest_blobs(variant), _CHEST, edge=9)
        bones = np.zeros_like(plane)
        self._canvas.add(bones, _ribs(), _CHEST, edge=2)
        return _stored(plane + np.minimum(bones, 300), 26, 7 + variant)

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        return _attributes(self._canvas, "PA", "U", ("816094009", "Chest"))


class DxKnee:
    """A knee from the front; with a finding, the joint space is narrow on one side."""

    modality, body_part, sop_class_uid = "DX", "KNEE", DX_IMAGE_STORAGE
    size = (1024, 720)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Knee AP", 1, laterality="L"),)
    _canvas = Canvas(1024, 720, 0.25)

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        plane = np.full((self._canvas.rows, self._canvas.columns), 110, dtype=np.float32)
        self._canvas.add(plane, _knee_blobs(variant), _KNEE, edge=3)
        return _stored(plane, 22, 17 + variant)

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        return _attributes(self._canvas, "AP", "L", ("72696002", "Knee"))


def _knee_blobs(variant: int) -> list[Blob]:
    gap = 1.5 if has_finding(variant) else 5.0
    flesh = [Blob("flesh", 0, 0, 72 if is_large(variant) else 64, 170, power=4)]
    femur = [Blob("bone", 0, -80, 17, 72, power=5), Blob("bone", 0, -26 - gap, 38, 24, power=3)]
    tibia = [Blob("bone", 0, 84, 16, 72, power=5), Blob("bone", 0, 20 + gap, 38, 18, power=3.5)]
    marrow = [Blob("marrow", 0, y, 9, 62, power=4) for y in (-86, 92)]
    fibula = [Blob("bone", 40, 92, 6, 70, -2, 5), Blob("bone", 39, 34, 10, 12)]
    return [*flesh, *femur, *tibia, *marrow, *fibula, Blob("patella", 0, -36, 21, 20)]
