"""What imaging remembers, on both databases."""

from __future__ import annotations

import dataclasses

import pytest

from fhir_server.imaging.ports import StudyQuery
from fhir_server.storage.database import Database
from fhir_server.storage.imaging import StoredInstances, StudyLocations
from fhir_server.storage.imaging_rows import CopyState, EndpointHealth, HarvestCursor, StoredInstance, StudyLocation

LOCATION = StudyLocation("1.2.3", "pacs-a", CopyState.ONLINE, 1, 4, "20261120", "A1", "urn:a", "hash", 100)
INSTANCE = StoredInstance(
    "1.2.3.1.1", "1.2.3.1", "1.2.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", 1, "aa/bb/c.dcm",
    5_000_000_000, "TRUSTA", "RX1", "A1", "urn:a", "ACC1", "urn:acc", 1_000,
)  # fmt: skip


@pytest.fixture
def locations(store_url: str) -> StudyLocations:
    found = StudyLocations(Database(store_url))
    for endpoint_id in ("pacs-a", "pacs-b"):
        found.forget_endpoint(endpoint_id)
    return found


@pytest.fixture
def instances(store_url: str) -> StoredInstances:
    return StoredInstances(Database(store_url))


def test_copies_of_a_study_are_kept_by_archive_and_replaced(locations: StudyLocations) -> None:
    locations.save_location(LOCATION)
    locations.save_location(dataclasses.replace(LOCATION, instance_count=9))
    locations.save_location(dataclasses.replace(LOCATION, endpoint_id="pacs-b"))
    found = {c.endpoint_id: c.instance_count for c in locations.locations("1.2.3")}
    assert found == {"pacs-a": 9, "pacs-b": 4}
    assert set(locations.known("pacs-a", ["1.2.3", "9.9"])) == {"1.2.3"}


def test_a_copy_that_is_no_longer_listed_is_missing_until_seen_again(locations: StudyLocations) -> None:
    locations.save_location(LOCATION)
    locations.save_location(dataclasses.replace(LOCATION, study_uid="1.2.4"))
    locations.save_location(dataclasses.replace(LOCATION, study_uid="1.2.5", study_date="20250101"))
    assert locations.mark_missing("pacs-a", "20261119", "20261121", ["1.2.4"], 200) == 1
    states = {uid: locations.locations(uid)[0].state for uid in ("1.2.3", "1.2.4", "1.2.5")}
    assert states == {"1.2.3": CopyState.MISSING, "1.2.4": CopyState.ONLINE, "1.2.5": CopyState.ONLINE}
    locations.verify("pacs-a", ["1.2.3"], 300)
    assert locations.locations("1.2.3")[0] == dataclasses.replace(LOCATION, verified_at=300)


def test_cursors_and_health_are_replaced_in_place(locations: StudyLocations) -> None:
    locations.save_cursor(HarvestCursor("pacs-a", "backfill", "20200101", False, 1))
    locations.save_cursor(HarvestCursor("pacs-a", "backfill", "20190101", True, 2, "none"))
    assert locations.cursor("pacs-a", "backfill") == HarvestCursor("pacs-a", "backfill", "20190101", True, 2, "none")
    assert locations.cursor("pacs-a", "recent") is None
    locations.save_health(EndpointHealth("pacs-a", True, "ok", 3, 10, 10))
    locations.save_health(EndpointHealth("pacs-a", False, "no-answer", 2000, 20, 20, 1))
    assert locations.health()["pacs-a"].phase == "no-answer"


def test_a_received_study_is_due_once_it_is_quiet_and_again_after_more(instances: StoredInstances) -> None:
    instances.add(INSTANCE)
    assert instances.get("1.2.3.1.1") == INSTANCE
    assert instances.quiet_studies(1_000, 10) == []
    assert instances.quiet_studies(1_001, 10) == [("1.2.3", 1_000)]
    instances.add(dataclasses.replace(INSTANCE, instance_uid="1.2.3.1.2", received_at=2_000))
    instances.mark_filed("1.2.3", 1_000)
    assert instances.quiet_studies(3_000, 10) == [("1.2.3", 2_000)], "an object came while the study was recorded"
    instances.mark_filed("1.2.3", 2_000)
    assert instances.quiet_studies(3_000, 10) == []
    assert [i.instance_uid for i in instances.of_study("1.2.3")] == ["1.2.3.1.1", "1.2.3.1.2"]
    assert instances.of_study("1.2.3", "9.9") == []


def test_stored_studies_are_found_by_exact_keys(instances: StoredInstances) -> None:
    instances.add(INSTANCE)
    assert instances.studies(StudyQuery(patient_id="A1")) == ["1.2.3"]
    assert instances.studies(StudyQuery(patient_id="A1", accession_number="OTHER")) == []
    assert instances.studies(StudyQuery(limit=1, offset=1)) == []
