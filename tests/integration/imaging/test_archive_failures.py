"""What callers see when an archive is stopped, frozen, or cut off in the middle; and that no cut study looks whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.errors import InvalidDicomError

from adapters.pacs_dicomweb.archive import DicomWebArchive
from adapters.pacs_dicomweb.limits import Limits
from fhir_server.imaging.ports import StudyQuery, phase_of
from fhir_server.imaging.probe import probe_once
from tests.integration.imaging.conftest import STUDY_A, TODAY
from tests.integration.imaging.cutting_proxy import CuttingProxy
from tests.integration.imaging.granian_server import GranianServer
from tests.integration.imaging.orthanc import Orthanc
from tests.integration.imaging.phantom import Phantom
from tests.integration.imaging.region import Region, WebServer, make_endpoint, source

_FAST = Limits(first_byte_s=1.0, idle_s=1.0)


@pytest.fixture
def proxy(pacs: Orthanc) -> Iterator[CuttingProxy]:
    made = CuttingProxy(pacs.http_port)
    yield made
    made.close()


@pytest.fixture
def region(tmp_path: Path, pacs: Orthanc, proxy: CuttingProxy) -> Region:
    made = Region(tmp_path)
    address = f"http://127.0.0.1:{proxy.port}/dicom-web"
    made.directory.add(DicomWebArchive(make_endpoint("pacs-a", address), _FAST))
    made.harvester.harvest_once(made.directory.archives["pacs-a"], TODAY)
    return made


@pytest.fixture
def server(region: Region) -> Iterator[WebServer]:
    with WebServer(region.app) as running:
        yield running


def get(server: WebServer, path: str) -> requests.Response:
    return requests.get(f"{server.url}/dicomweb/{path}", timeout=30)


def test_stopped_archive_gives_503_with_its_name_and_when_to_come_back(
    region: Region, server: WebServer, proxy: CuttingProxy
) -> None:
    region.directory.add(DicomWebArchive(make_endpoint("pacs-a", "http://127.0.0.1:9/dicom-web"), _FAST))
    answer = get(server, f"studies/{STUDY_A}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "Trust A cannot be reached" in answer.text
    listed = get(server, f"studies?StudyInstanceUID={STUDY_A}")
    assert len(listed.json()) == 1, "the record still lists it"
    probe_once(region.directory.archives["pacs-a"], region.locations)
    listed = get(server, f"studies?StudyInstanceUID={STUDY_A}")
    assert listed.json()[0]["00080056"]["Value"] == ["UNAVAILABLE"]
    assert "Trust A PACS cannot be reached since" in listed.headers["Warning"]


def test_frozen_archive_costs_one_first_byte_timeout_then_nothing(
    region: Region, server: WebServer, pacs: Orthanc
) -> None:
    pacs.freeze()
    try:
        started = time.monotonic()
        answer = get(server, f"studies/{STUDY_A}/metadata")
        assert answer.status_code == 503 and "did not answer in time" in answer.text
        assert time.monotonic() - started < 3
        health = probe_once(region.directory.archives["pacs-a"], region.locations, budget=0.5)
        assert (health.reachable, health.phase) == (False, "no-answer")
        started = time.monotonic()
        assert get(server, f"studies/{STUDY_A}/metadata").status_code == 503
        assert time.monotonic() - started < 0.5
        said = region.services.availabilities.of_studies({STUDY_A: []})[STUDY_A]
        assert said.opens_now is False and "does not answer since" in said.reason
    finally:
        pacs.thaw()
    assert probe_once(region.directory.archives["pacs-a"], region.locations).reachable
    assert get(server, f"studies/{STUDY_A}/metadata").status_code == 200
    assert region.services.availabilities.of_studies({STUDY_A: []})[STUDY_A].opens_now is True


def test_another_copy_is_opened_before_anything_is_sent(region: Region, server: WebServer) -> None:
    other = region.store_archive
    original = region.directory.archives["pacs-a"]
    from io import BytesIO

    for row in original.search_instances(STUDY_A, None, 5):
        uid = (row["0020000E"]["Value"][0], row["00080018"]["Value"][0])
        path = f"studies/{STUDY_A}/series/{uid[0]}/instances/{uid[1]}"
        whole = b"".join(original.retrieve(path, "application/dicom").chunks)
        assert region.store.store(BytesIO(whole), source("TRUSTB")).failure == 0
    region.received.file_quiet(0)
    assert {c.endpoint_id for c in region.locations.locations(STUDY_A)} == {"pacs-a", "store"}
    region.directory.add(DicomWebArchive(make_endpoint("pacs-a", "http://127.0.0.1:9/dicom-web"), _FAST))
    assert len(DICOMwebClient(f"{server.url}/dicomweb").retrieve_study(STUDY_A)) == 4
    assert other.endpoint.endpoint_id == "store"


@pytest.fixture
def big_study(pacs: Orthanc, region: Region) -> str:
    uid = "1.2.826.0.1.3680043.8.498.3001"
    for content in Phantom(study_uid=uid, accession="BIG1", slices=3, size=512).files():
        pacs.upload(content)
    region.harvester.harvest_once(region.directory.archives["pacs-a"], TODAY)
    return uid


def test_a_study_cut_in_the_middle_is_never_taken_for_whole(
    region: Region, proxy: CuttingProxy, big_study: str
) -> None:
    with GranianServer(region.app) as server:
        proxy.cut_after(700_000)
        answer = requests.get(f"{server.url}/dicomweb/studies/{big_study}", timeout=20)
        assert answer.status_code == 200
        boundary = answer.headers["Content-Type"].rpartition("boundary=")[2].strip('"').encode()
        assert not answer.content.rstrip().endswith(b"--" + boundary + b"--")
        assert b"broke off in the middle" in answer.content[-400:]
        proxy.cut_after(700_000)
        with pytest.raises(InvalidDicomError):
            DICOMwebClient(f"{server.url}/dicomweb").retrieve_study(big_study)
        proxy.heal()
        assert len(DICOMwebClient(f"{server.url}/dicomweb").retrieve_study(big_study)) == 3


def test_a_cut_frame_stops_short_of_its_length(region: Region, proxy: CuttingProxy, big_study: str) -> None:
    row = region.directory.archives["pacs-a"].search_instances(big_study, None, 5)[0]
    path = f"studies/{big_study}/series/{row['0020000E']['Value'][0]}/instances/{row['00080018']['Value'][0]}/frames/1"
    with GranianServer(region.app) as server:
        proxy.cut_after(300_000)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{server.url}/dicomweb/{path}", timeout=20)


def test_metadata_cut_in_the_middle_is_an_error(region: Region, proxy: CuttingProxy, big_study: str) -> None:
    with WebServer(region.app) as server:
        proxy.cut_after(2_000)
        answer = get(server, f"studies/{big_study}/metadata")
        assert answer.status_code == 503 and "Trust A" in answer.text


def test_an_archive_that_ignores_filters_shows_no_other_patient(pacs: Orthanc, region: Region) -> None:
    for content in Phantom(patient_id="B7777", accession="OTHER", slices=1).files():
        pacs.upload(content)
    archive = region.directory.archives["pacs-a"]
    assert archive.search_studies(StudyQuery(patient_id="A0001"), 5) != []
    assert archive.search_studies(StudyQuery(patient_id="nobody at all"), 5) == []


def test_probe_names_the_phase(region: Region) -> None:
    region.directory.add(DicomWebArchive(make_endpoint("pacs-x", "http://127.0.0.1:9/dicom-web")))
    assert probe_once(region.directory.archives["pacs-x"], region.locations).phase == "not-connected"
    with pytest.raises(Exception, match="cannot be reached") as caught:
        region.directory.archives["pacs-x"].probe(1)
    assert phase_of(caught.value) == "not-connected"  # type: ignore[arg-type]


def test_connections_are_limited_and_a_full_pool_says_so(pacs: Orthanc) -> None:
    archive = DicomWebArchive(
        make_endpoint("pacs-a", pacs.dicomweb_url), Limits(connections=1, queue_s=0.3, first_byte_s=2.0)
    )
    held = archive.retrieve(f"studies/{STUDY_A}", "*/*")
    failures: list[str] = []

    def ask() -> None:
        try:
            archive.search_studies(StudyQuery(study_uid=STUDY_A), 1)
        except Exception as error:
            failures.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    held.close()
    assert failures == ["All connections to Trust A are in use."]
    assert len(archive.search_studies(StudyQuery(study_uid=STUDY_A), 5)) == 1
