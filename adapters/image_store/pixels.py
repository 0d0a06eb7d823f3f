"""Frames of a stored object, one at a time: a native frame is read at its offset, a compressed one by its fragments.

Native and encapsulated pixel data: PS3.5 section 8 and annex A.4. Media types of transfer syntaxes: PS3.18 8.7.3.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from fhir_server.errors import NotFound

_MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


@dataclass(frozen=True)
class Frame:
    """One frame's bytes, and the content type that says how they are encoded."""

    content_type: str
    content: bytes


def read_frames(path: Path, numbers: Sequence[int]) -> Iterator[Frame]:
    """The frames by number (from 1), in the order asked. NotFound when there is no such frame or no image."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = dcmread(file, stop_before_pixels=True)
        count = int(header.get("NumberOfFrames") or 1)
        if "Rows" not in header or any(not 1 <= number <= count for number in numbers):
            raise NotFound("The object has no such frame.")
        syntax = UID(header.file_meta.TransferSyntaxUID)
        if syntax.is_encapsulated:
            yield from _encapsulated(file, syntax, numbers, count)
        elif syntax in (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian):
            yield from _inflated(path, header, numbers)
        else:
            yield from _native(file, syntax, header, numbers)


def frame_bytes(header: FileDataset) -> int:
    """The length of one native frame in bytes (bits are packed, frames are not padded)."""
    samples = int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel") or 1)
    if header.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = samples * 2 // 3
    return (samples * int(header.BitsAllocated) + 7) // 8


def _octets(syntax: str) -> str:
    return f"application/octet-stream; transfer-syntax={syntax}"


def _native(file: BinaryIO, syntax: UID, header: FileDataset, numbers: Sequence[int]) -> Iterator[Frame]:
    start, size = _skip_element_header(file, syntax), frame_bytes(header)
    for number in numbers:
        file.seek(start + (number - 1) * size)
        yield Frame(_octets(ExplicitVRLittleEndian), file.read(size))


def _skip_element_header(file: BinaryIO, syntax: UID) -> int:
    """Step over tag, VR and length of Pixel Data; returns where its value starts."""
    file.seek(8 if syntax.is_implicit_VR else 12, 1)
    return file.tell()


def _encapsulated(file: BinaryIO, syntax: UID, numbers: Sequence[int], count: int) -> Iterator[Frame]:
    start = _skip_element_header(file, syntax)
    media_type = _MEDIA_TYPES.get(str(syntax), "application/octet-stream")
    for number in numbers:
        file.seek(start)
        content = get_frame(file, number - 1, number_of_frames=count)
        yield Frame(f"{media_type}; transfer-syntax={syntax}", content)


def _inflated(path: Path, header: FileDataset, numbers: Sequence[int]) -> Iterator[Frame]:
    """A deflated or big-endian file has no offsets to read at: it is read whole, and given in little endian."""
    whole, size = dcmread(path), frame_bytes(header)
    data = bytes(whole.PixelData)
    if not whole.file_meta.TransferSyntaxUID.is_little_endian and int(header.BitsAllocated) == 16:
        swapped = bytearray(data)
        swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
        data = bytes(swapped)
    for number in numbers:
        yield Frame(_octets(ExplicitVRLittleEndian), data[(number - 1) * size : number * size])
