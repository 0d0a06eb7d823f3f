"""One Orthanc for the module's tests, and a region around it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from adapters.pacs_dicomweb.archive import DicomWebArchive
from tests.integration.imaging import orthanc
from tests.integration.imaging.phantom import Phantom
from tests.integration.imaging.region import Region, make_endpoint

STUDY_A = "1.2.826.0.1.3680043.8.498.1001"
TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def pacs() -> Iterator[orthanc.Orthanc]:
    if not orthanc.is_installed():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    server = orthanc.Orthanc("TRUSTA")
    for content in Phantom(study_uid=STUDY_A).files():
        server.upload(content)
    yield server
    server.remove()


@pytest.fixture
def region(tmp_path: Path, pacs: orthanc.Orthanc) -> Region:
    made = Region(tmp_path)
    made.directory.add(DicomWebArchive(make_endpoint("pacs-a", pacs.dicomweb_url)))
    return made
