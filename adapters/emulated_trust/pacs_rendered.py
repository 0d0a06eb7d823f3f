"""Rendered pictures and thumbnails: window, viewport and quality to JPEG or PNG (DICOM PS3.18 8.3.5, 10.4)."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from adapters.emulated_trust.archive import Held
from adapters.emulated_trust.dataset import labelled_pixels
from adapters.emulated_trust.images.kind import Pixels, Plane

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
THUMBNAIL_PX = 128


@dataclass(frozen=True)
class Rendering:
    """How to render: the box to fit into (pixels), centre and width of the window, JPEG quality 1 to 100."""

    viewport: tuple[int, int] | None = None
    window: tuple[float, float] | None = None
    quality: int = 90


def parse_rendering(args: MultiDict[str, str]) -> Rendering:
    viewport, window = args.get("viewport"), args.get("window")
    quality = _numbers(args.get("quality", "90"), "quality", 1)[0]
    if not 1 <= quality <= 100:
        raise BadRequest("quality must be 1 to 100.")
    return Rendering(
        viewport=_viewport(viewport) if viewport else None,
        window=_window(window) if window else None,
        quality=int(quality),
    )


def _viewport(text: str) -> tuple[int, int]:
    width, height = (int(number) for number in _numbers(text, "viewport", 2))
    if not (1 <= width <= 8192 and 1 <= height <= 8192):
        raise BadRequest("viewport must be 1 to 8192 pixels wide and high.")
    return width, height


def _window(text: str) -> tuple[float, float]:
    centre, width = _numbers(text, "window", 2)
    if width < 1:
        raise BadRequest("window width must be at least 1.")
    return centre, width


def _numbers(text: str, name: str, count: int) -> list[float]:
    try:
        numbers = [float(number) for number in text.split(",")[:count]]
    except ValueError as error:
        raise BadRequest(f"{name} must be made of numbers.") from error
    if len(numbers) < count or not np.isfinite(numbers).all():
        raise BadRequest(f"{name} needs {count} numbers.")
    return numbers


def render(held: Held, frame: int, media_type: str, rendering: Rendering) -> bytes:
    """One frame (from 1) as an image file."""
    image = Image.fromarray(_windowed(held, frame, rendering.window))
    if rendering.viewport:
        image.thumbnail(rendering.viewport)
    buffer = BytesIO()
    image.save(buffer, FORMATS[media_type], quality=rendering.quality)
    return buffer.getvalue()


def _windowed(held: Held, frame: int, window: tuple[float, float] | None) -> Pixels:
    """The linear VOI LUT function (PS3.3 C.11.2.1.2.1) of the picture's rescaled values."""
    number = held.instance
    attributes = held.plan.image_kind.attributes(number.series_number, number.instance_number)
    pixels = labelled_pixels(held.plan, number)
    plane: Plane = (pixels[frame - 1] if pixels.ndim == 3 else pixels).astype(np.float32)
    plane += attributes.get("RescaleIntercept", 0)
    centre, width = window or (_first(attributes["WindowCenter"]), _first(attributes["WindowWidth"]))
    scaled = ((plane - (centre - 0.5)) / max(width - 1, 1) + 0.5) * 255
    shown: Pixels = np.clip(scaled, 0, 255).astype(np.uint8)
    return shown


def _first(value: float | list[float]) -> float:
    return float(value[0] if isinstance(value, list) else value)
