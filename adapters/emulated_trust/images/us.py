"""Ultrasound: a cine of liver, gallbladder and kidney in a fan-shaped sector, 8 bits, breathing (DICOM PS3.3 A.7)."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

import numpy as np

from adapters.emulated_trust.images.canvas import Blob, Canvas
from adapters.emulated_trust.images.kind import Pixels, Plane, SeriesShape, has_finding, is_large

US_MULTIFRAME_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.3.1"
FRAMES = 20
FRAME_TIME_MS = 66.0
_ECHO = {"liver": 105.0, "wall": 190.0, "bile": 4.0, "cortex": 74.0, "sinus": 165.0, "vessel": 14.0, "stone": 255.0}
_LIVER_VIEW, _KIDNEY_VIEW = 1, 2


def _organs(view: int, variant: int, breath: float) -> list[Blob]:
    size = 1.15 if is_large(variant) else 1.0
    shift = 5 * breath
    if view == _KIDNEY_VIEW:
        stone = [Blob("stone", 6, 14 + shift, 4, 3)] if has_finding(variant) else []
        kidney = [Blob("wall", 4, 12 + shift, 56 * size, 27, -8), Blob("cortex", 4, 12 + shift, 54 * size, 25, -8)]
        return [*kidney, Blob("sinus", 4, 12 + shift, 32 * size, 9, -8), *stone]
    bladder = [Blob("wall", 22, 10 + shift, 27 * size, 15, 25), Blob("bile", 22, 10 + shift, 25 * size, 13, 25)]
    stone = [Blob("stone", 33, 18 + shift, 5, 4)] if has_finding(variant) else []
    courses = ((-40, -8, 35), (-24, 26, -20), (-12, 52, 10))
    veins = [Blob("vessel", x, y + shift, 17, 3.4, turn) for x, y, turn in courses]
    return [*veins, *bladder, *stone]


def _sector(canvas: Canvas) -> tuple[Plane, Plane]:
    """Depth from the probe (mm) and the mask of the fan, whose apex lies above the picture."""
    ys = (np.arange(canvas.rows, dtype=np.float32) - (canvas.rows - 1) / 2)[:, None] * canvas.spacing + 118
    xs = (np.arange(canvas.columns, dtype=np.float32) - (canvas.columns - 1) / 2)[None, :] * canvas.spacing
    radius, angle = np.hypot(xs, ys), np.arctan2(xs, ys)
    inside = (radius > 42) & (radius < 196) & (np.abs(angle) < 0.56)
    return (radius - 42).astype(np.float32), inside.astype(np.float32)


class UsAbdomen:
    """Two cines, of the gallbladder in the liver and of the right kidney; with a finding, a stone in each."""

    modality, body_part, sop_class_uid = "US", "ABDOMEN", US_MULTIFRAME_IMAGE_STORAGE
    size = (480, 640)
    series: tuple[SeriesShape, ...] = (SeriesShape(1, "Abdomen", 2, FRAMES),)
    _canvas = Canvas(480, 640, 0.36)

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        depth, inside = _sector(self._canvas)
        speckle = self._speckle(instance)
        fade = np.exp(-depth / 260).astype(np.float32) * inside
        frames = [self._frame(instance, variant, n) * fade * np.roll(speckle, n % 3, axis=0) for n in range(FRAMES)]
        return np.clip(np.stack(frames), 0, 255).astype(np.uint8)

    def _frame(self, view: int, variant: int, number: int) -> Plane:
        breath = sin(2 * pi * number / FRAMES)
        plane = self._canvas.paint(_organs(view, variant, breath), _ECHO, _ECHO["liver"], edge=1.6)
        if has_finding(variant):
            self._cast_shadow(plane, view, 5 * breath)
        return plane

    def _cast_shadow(self, plane: Plane, view: int, shift: float) -> None:
        """A stone lets no sound through: everything below it is dark."""
        x, y = (6, 17) if view == _KIDNEY_VIEW else (33, 22)
        column = int(self._canvas.columns / 2 + x / self._canvas.spacing)
        row = int(self._canvas.rows / 2 + (y + shift) / self._canvas.spacing)
        plane[row:, column - 10 : column + 11] *= np.float32(0.25 + 0.02 * cos(view))

    def _speckle(self, seed: int) -> Plane:
        noise = np.random.default_rng(seed).rayleigh(1.0, (self._canvas.rows, self._canvas.columns)).astype(np.float32)
        smooth = (noise + np.roll(noise, 1, axis=1) + np.roll(noise, 2, axis=1) + np.roll(noise, 1, axis=0)) / 4
        return np.asarray(0.35 + 0.58 * smooth, dtype=np.float32)

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        """US Image, Cine, Multi-frame and US Region Calibration modules (PS3.3 C.8.5.6, C.7.6.5, C.7.6.6, C.8.5.5)."""
        return {
            "ImageType": ["ORIGINAL", "PRIMARY", "ABDOMINAL"],
            "NumberOfFrames": FRAMES,
            "FrameTime": FRAME_TIME_MS,
            "FrameIncrementPointer": 0x00181063,
            "CineRate": 15,
            "RecommendedDisplayFrameRate": 15,
            "StartTrim": 1,
            "StopTrim": FRAMES,
            "LossyImageCompression": "00",
            "PatientOrientation": "",
            "WindowCenter": 128,
            "WindowWidth": 256,
            "BitsStored": 8,
            "SequenceOfUltrasoundRegions": [self._region()],
        }

    def _region(self) -> dict[str, Any]:
        return {
            "RegionSpatialFormat": 1,
            "RegionDataType": 1,
            "RegionFlags": 0,
            "RegionLocationMinX0": 0,
            "RegionLocationMinY0": 0,
            "RegionLocationMaxX1": self._canvas.columns - 1,
            "RegionLocationMaxY1": self._canvas.rows - 1,
            "PhysicalUnitsXDirection": 3,
            "PhysicalUnitsYDirection": 3,
            "PhysicalDeltaX": self._canvas.spacing / 10,
            "PhysicalDeltaY": self._canvas.spacing / 10,
        }
