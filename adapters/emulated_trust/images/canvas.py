"""Drawing in millimetres on a grid of pixels: soft-edged shapes painted one over the other, grain, and the label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adapters.emulated_trust.images.kind import Pixels, Plane


@dataclass(frozen=True)
class Blob:
    """A filled super-ellipse: centre and half-axes in mm, angle in degrees; power 2 is round, higher is boxier.

    `strength` below 1 lets what lies underneath show through, as overlapping anatomy does on a radiograph.
    """

    tissue: str
    x: float
    y: float
    a: float
    b: float
    angle: float = 0.0
    power: float = 2.0
    strength: float = 1.0


@dataclass(frozen=True)
class Canvas:
    """A grid of rows x columns square pixels of `spacing` mm, with the origin in the middle."""

    rows: int
    columns: int
    spacing: float

    def paint(self, blobs: Iterable[Blob], values: Mapping[str, float], background: float, edge: float = 1.0) -> Plane:
        """Paint the blobs in order; `edge` is the width in mm over which a border fades."""
        plane = np.full((self.rows, self.columns), background, dtype=np.float32)
        for blob in blobs:
            self._blend(plane, blob, values[blob.tissue], edge)
        return plane

    def add(self, plane: Plane, blobs: Iterable[Blob], values: Mapping[str, float], edge: float = 1.0) -> None:
        """Add the blobs to what is there, as attenuation adds up along a ray."""
        for blob in blobs:
            box, mask = self._mask(blob, edge)
            plane[box] += mask * values[blob.tissue]

    def _blend(self, plane: Plane, blob: Blob, value: float, edge: float) -> None:
        box, mask = self._mask(blob, edge)
        plane[box] += mask * (value - plane[box])

    def _mask(self, blob: Blob, edge: float) -> tuple[tuple[slice, slice], Plane]:
        reach = (max(blob.a, blob.b) * (1.0 if blob.power <= 2 else 1.45) + 2 * edge) / self.spacing
        box = (_span(blob.y / self.spacing, reach, self.rows), _span(blob.x / self.spacing, reach, self.columns))
        ys, xs = _axes(self.rows, self.columns, self.spacing)
        x, y = xs[box[1]] - blob.x, (ys[box[0]] - blob.y)[:, None]
        turn = np.deg2rad(np.float32(blob.angle))
        u = np.abs(x * np.cos(turn) + y * np.sin(turn)) / max(blob.a, 0.1)
        v = np.abs(y * np.cos(turn) - x * np.sin(turn)) / max(blob.b, 0.1)
        radius = (u**blob.power + v**blob.power) ** (1 / blob.power)
        fade = (1 - radius) * min(blob.a, blob.b) / edge + 0.5
        return box, (np.clip(fade, 0, 1) * blob.strength).astype(np.float32)


def _span(centre: float, reach: float, size: int) -> slice:
    low, high = int(size / 2 + centre - reach), int(size / 2 + centre + reach) + 2
    return slice(min(max(low, 0), size), min(max(high, 0), size))


@lru_cache(maxsize=16)
def _axes(rows: int, columns: int, spacing: float) -> tuple[Plane, Plane]:
    ys = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) * np.float32(spacing)
    xs = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) * np.float32(spacing)
    return ys, xs


def add_grain(plane: Plane, sigma: float, seed: int) -> Plane:
    """Add detector noise that is the same whenever the same picture is drawn."""
    noise = np.random.default_rng(seed).standard_normal(plane.shape, dtype=np.float32)
    return plane + noise * np.float32(sigma)


def burn_label(pixels: Pixels, lines: tuple[str, ...], value: int) -> Pixels:
    """A copy of the picture with the lines written into its top left corner, on every frame."""
    size = max(12, pixels.shape[-2] // 36)
    mask = _label_mask(lines, size)[: pixels.shape[-2], : pixels.shape[-1]]
    labelled = pixels.copy()
    corner = labelled[..., : mask.shape[0], : mask.shape[1]]
    corner[...] = np.where(mask, np.array(value, dtype=pixels.dtype), corner)
    return labelled


@lru_cache(maxsize=64)
def _label_mask(lines: tuple[str, ...], size: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    font = ImageFont.load_default(size)
    text = "\n".join(lines)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((size, size), text, font=font)
    image = Image.new("L", (int(right) + size, int(bottom) + size), 0)
    ImageDraw.Draw(image).multiline_text((size, size), text, fill=255, font=font)
    return np.asarray(image) > 127
