"""Harvest of a real Orthanc over QIDO-RS."""

from __future__ import annotations

import json

from tests.integration.imaging.conftest import STUDY_A, TODAY
from tests.integration.imaging.orthanc import Orthanc
from tests.integration.imaging.phantom import Phantom
from tests.integration.imaging.region import ISSUER_A, Region


def test_harvest_records_study_series_and_patient(region: Region) -> None:
    count = region.harvester.harvest_once(region.directory.archives["pacs-a"], TODAY)
    assert (count.seen, count.recorded, count.problem) == (1, 1, "")
    patient, study = region.recorder.fragments
    assert (patient.key.system, patient.key.value, patient.authoritative) == (ISSUER_A, "A0001", False)
    assert {"system": "https://fhir.nhs.uk/Id/nhs-number", "use": "official", "value": "9990000026"} in (
        patient.content["identifier"]
    )
    content = study.content
    assert content["identifier"][0]["value"] == f"urn:oid:{STUDY_A}"
    assert content["identifier"][1]["value"] == "ACC0001"
    assert content["started"] == "2026-11-20T10:15:00+00:00"
    assert [m["code"] for m in content["modality"]] == ["CT"]
    assert (content["numberOfSeries"], content["numberOfInstances"]) == (1, 4)
    assert content["series"][0]["bodySite"] == {"display": "HEAD"}
    assert content["series"][0]["numberOfInstances"] == 4
    assert content["description"] == "CT Head"
    location = region.locations.locations(STUDY_A)[0]
    assert (location.endpoint_id, location.instance_count, location.state) == ("pacs-a", 4, "online")


def test_second_look_records_nothing_new(region: Region) -> None:
    archive = region.directory.archives["pacs-a"]
    region.harvester.harvest_once(archive, TODAY)
    count = region.harvester.harvest_once(archive, TODAY)
    assert (count.seen, count.recorded, count.missing) == (1, 0, 0)


def test_older_studies_are_found_by_backfill_once(region: Region, pacs: Orthanc) -> None:
    old = Phantom(study_uid="1.2.826.0.1.3680043.8.498.1990", study_date="20110203", accession="OLD1", slices=1)
    pacs.upload(old.files()[0])
    archive = region.directory.archives["pacs-a"]
    first = region.harvester.harvest_once(archive, TODAY)
    assert first.seen == 2
    cursor = region.locations.cursor("pacs-a", "backfill")
    assert cursor is not None and cursor.complete
    assert region.harvester.harvest_once(archive, TODAY).seen == 1


def test_rows_of_a_frozen_archive_stop_the_look_and_lose_nothing(region: Region, pacs: Orthanc) -> None:
    archive = region.directory.archives["pacs-a"]
    pacs.freeze()
    try:
        region.harvester._plan = type(region.harvester._plan)(budget=1.0)
        count = region.harvester.harvest_once(archive, TODAY)
    finally:
        pacs.thaw()
    assert "did not answer in time" in count.problem
    region.harvester._plan = type(region.harvester._plan)()
    assert region.harvester.harvest_once(archive, TODAY).problem == ""
    assert json.dumps([f.content for f in region.recorder.fragments]).count(STUDY_A) == 1
