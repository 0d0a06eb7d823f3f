"""A stored image as a picture that any browser shows (PS3.18 section 10.4.1.1.3, rendered resources)."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from fhir_server.errors import BadRequest, NotAcceptable

MEDIA_TYPES = {"image/jpeg": "JPEG", "image/png": "PNG"}


def render(path: Path, frame: int, media_type: str, query: dict[str, str]) -> bytes:
    """The frame (from 1) as JPEG or PNG; `query` may carry `window`, `viewport` and `quality`.

    NotAcceptable when its compression has no decoder here: the caller can still fetch the object itself.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = dcmread(path, stop_before_pixels=True)
        try:
            values = pixel_array(path, index=frame - 1)
        except (RuntimeError, NotImplementedError, ValueError, AttributeError) as error:
            raise NotAcceptable("The object cannot be rendered here.") from error
        picture = Image.fromarray(_grey(values, header, query) if values.ndim == 2 else _colour(values))
    if "viewport" in query:
        width, height = _numbers(query["viewport"], "viewport", 2)[:2]
        picture.thumbnail((max(1, int(width)), max(1, int(height))))
    buffer = io.BytesIO()
    quality = int(_numbers(query["quality"], "quality", 1)[0]) if "quality" in query else 90
    picture.save(buffer, MEDIA_TYPES[media_type], quality=min(max(quality, 1), 100))
    return buffer.getvalue()


def _colour(values: Any) -> Any:
    return values.astype(np.uint8) if values.dtype != np.uint8 else values


def _grey(values: Any, header: FileDataset, query: dict[str, str]) -> Any:
    """Modality LUT, then the window asked for, else the object's own, else the whole range of values."""
    scaled = apply_modality_lut(values, header)
    if "window" in query:
        centre, width = _numbers(query["window"], "window", 2)[:2]
        low, high = centre - width / 2, centre + width / 2
    else:
        if "WindowCenter" in header or "VOILUTSequence" in header:
            scaled = apply_voi_lut(scaled, header)
        low, high = float(np.min(scaled)), float(np.max(scaled))
    grey = np.clip((scaled.astype(np.float64) - low) / max(high - low, 1e-9), 0, 1) * 255
    return (255 - grey if header.get("PhotometricInterpretation") == "MONOCHROME1" else grey).astype(np.uint8)


def _numbers(text: str, name: str, least: int) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")[:least]]
    except ValueError as error:
        raise BadRequest(f"The query parameter {name} needs numbers.", f"http.{name}") from error
    if len(found) < least or not all(np.isfinite(found)):
        raise BadRequest(f"The query parameter {name} needs {least} numbers.", f"http.{name}")
    return found
