"""What every kind of synthetic picture offers: its series, the pixels of one instance, its own DICOM attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Plane = npt.NDArray[np.float32]

VARIANTS = 4
"""Each kind is drawn in this many ways: bit 0 adds the finding, bit 1 changes the build, so templates can be cached."""


@dataclass(frozen=True)
class SeriesShape:
    """One series of a kind: `instances` objects of `frames` frames each."""

    number: int
    description: str
    instances: int
    frames: int = 1
    laterality: str = ""


class ImageKind(Protocol):
    """A modality and body part that can be drawn. Numbers of series and instances start at 1."""

    @property
    def modality(self) -> str: ...

    @property
    def body_part(self) -> str: ...

    @property
    def sop_class_uid(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def series(self) -> tuple[SeriesShape, ...]: ...

    def pixels(self, series: int, instance: int, variant: int) -> Pixels:
        """The unlabelled picture, shape (rows, columns) or (frames, rows, columns)."""

    def attributes(self, series: int, instance: int) -> dict[str, Any]:
        """The attributes of the modality's modules by keyword: geometry, window, acquisition, pixel description."""


def has_finding(variant: int) -> bool:
    return bool(variant & 1)


def is_large(variant: int) -> bool:
    return bool(variant & 2)
