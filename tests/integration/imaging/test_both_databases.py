"""Harvest, search and retrieval behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from adapters.pacs_dicomweb.archive import DicomWebArchive
from tests.integration.imaging.conftest import STUDY_A, TODAY
from tests.integration.imaging.orthanc import Orthanc
from tests.integration.imaging.region import Region, make_endpoint


def test_a_harvested_study_is_found_and_opens(tmp_path: Path, pacs: Orthanc, store_url: str) -> None:
    region = Region(tmp_path, store_url)
    region.directory.add(DicomWebArchive(make_endpoint("pacs-a", pacs.dicomweb_url)))
    assert region.harvester.harvest_once(region.directory.archives["pacs-a"], TODAY).problem == ""
    client = region.app.test_client()
    for query in (
        f"StudyInstanceUID={STUDY_A}",
        "PatientID=9990000026&StudyDate=20261120",
        "AccessionNumber=ACC0001&ModalitiesInStudy=CT",
    ):
        rows = client.get(f"/dicomweb/studies?{query}", headers={"X-Caller": "clinician"}).get_json(force=True)
        assert [row["0020000D"]["Value"] for row in rows] == [[STUDY_A]], query
    assert len(client.get(f"/dicomweb/studies/{STUDY_A}/metadata").get_json(force=True)) == 4
