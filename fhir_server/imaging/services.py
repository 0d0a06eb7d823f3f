"""What the DICOMweb doors and the viewer need from the rest of the record; wiring fills it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fhir_server.access.caller import Caller
from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.locate import Locator
from fhir_server.imaging.ports import ImageStore, ObjectSource
from fhir_server.storage.imaging_rows import StudyRow
from fhir_server.storage.imaging_studies import ImagingStudies


@dataclass(frozen=True)
class Disclosure:
    """Patient data that is about to leave: recorded before the answer does, or there is no answer.

    `interaction` is `search` (each study listed), `open` (a study's pixels or metadata, once per session) or `store`.
    `query` is the DICOMweb path and query as asked.
    """

    caller: Caller
    interaction: str
    query: str
    studies: tuple[StudyRow, ...]


def _nobody_stores(caller: Caller) -> ObjectSource | None:
    return None


@dataclass(frozen=True)
class ImagingServices:
    """`object_source` says under which issuers a storing client's headers are read (None: it may not store);
    `assets_dir` holds `ohif`, the unpacked `dist` of the viewer; `store_bytes_max` bounds one STOW-RS request."""

    studies: ImagingStudies
    locator: Locator
    availabilities: Availabilities
    disclose: Callable[[Disclosure], None]
    store: ImageStore | None = None
    object_source: Callable[[Caller], ObjectSource | None] = _nobody_stores
    store_bytes_max: int = 2 * 1024 * 1024 * 1024
    assets_dir: Path = field(default=Path(".assets"))
    root: str = "/dicomweb"
    base_url: str = ""  # our public address without a final slash; "": as the caller reached us
