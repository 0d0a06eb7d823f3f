"""Eight-bit pictures compressed on request, as ultrasound archives give them: JPEG Baseline (DICOM PS3.5 8.2.1)."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from adapters.emulated_trust.archive import Held
from adapters.emulated_trust.dataset import labelled_pixels, make_header, make_part10
from adapters.emulated_trust.images import Pixels

SYNTAX = str(JPEGBaseline8Bit)
_QUALITY = 90


def can_compress(held: Held) -> bool:
    instance = held.instance
    attributes = held.plan.image_kind.attributes(instance.series_number, instance.instance_number)
    return int(attributes["BitsStored"]) == 8


def compress_frame(plane: Pixels) -> bytes:
    buffer = BytesIO()
    Image.fromarray(plane).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def make_compressed_part10(held: Held) -> bytes:
    """The instance as a file with each frame a JPEG image, and a word that something was lost (PS3.3 C.7.6.1.1.5)."""
    pixels = labelled_pixels(held.plan, held.instance)
    frames = [compress_frame(plane) for plane in (pixels if pixels.ndim == 3 else pixels[np.newaxis])]
    dataset = make_header(held.plan, held.instance)
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = round(pixels.nbytes / sum(map(len, frames)), 1)
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return make_part10(dataset, JPEGBaseline8Bit)
