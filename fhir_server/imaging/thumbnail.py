"""Thumbnails (PS3.18 section 10.4.1.1.5) made of rendered images."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from fhir_server.imaging.ports import WrongAnswer

_SIDE = 128


def make_thumbnail(picture: bytes) -> bytes:
    """A JPEG of at most 128 by 128 pixels."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            image.thumbnail((_SIDE, _SIDE))
            small = image.convert("L" if image.mode in ("L", "I", "I;16") else "RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise WrongAnswer("The archive's rendered image cannot be read.") from error
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
