"""The DICOMweb doors over a real Orthanc, with dicomweb-client as the caller."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from fhir_server.search.extract import extract
from fhir_server.storage.unit_of_work import NewVersion, Storage
from tests.integration.imaging.conftest import STUDY_A, TODAY
from tests.integration.imaging.orthanc import Orthanc
from tests.integration.imaging.phantom import Phantom
from tests.integration.imaging.region import Region, WebServer

NHS_NUMBER = "9990000026"


@pytest.fixture
def server(region: Region) -> Iterator[WebServer]:
    region.harvester.harvest_once(region.directory.archives["pacs-a"], TODAY)
    with WebServer(region.app) as running:
        yield running


@pytest.fixture
def client(server: WebServer) -> DICOMwebClient:
    return DICOMwebClient(f"{server.url}/dicomweb")


def get(server: WebServer, path: str, caller: str = "clinician", **headers: str) -> requests.Response:
    return requests.get(f"{server.url}/dicomweb/{path}", headers={"X-Caller": caller, **headers}, timeout=30)


def test_search_by_nhs_number_answers_with_the_regional_identifier(client: DICOMwebClient) -> None:
    rows = client.search_for_studies(search_filters={"PatientID": NHS_NUMBER})
    assert [row["0020000D"]["Value"][0] for row in rows] == [STUDY_A]
    assert rows[0]["00100020"]["Value"] == [NHS_NUMBER]
    assert rows[0]["00100021"]["Value"] == ["NHS"]
    assert rows[0]["00100010"]["Value"][0]["Alphabetic"] == "EXEMPLAR^Ada^^Ms"
    assert rows[0]["00080061"]["Value"] == ["CT"]


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        (f"StudyInstanceUID={STUDY_A}", 1),
        (f"0020000D={STUDY_A}&includefield=00081030%2C00080060&limit=101&offset=0&fuzzymatching=false", 1),
        ("AccessionNumber=ACC0001", 1),
        ("AccessionNumber=ACC0001&StudyDate=20261120", 1),
        ("AccessionNumber=ACC0001&StudyDate=20261101-20261130&ModalitiesInStudy=CT", 1),
        ("AccessionNumber=ACC0001&StudyDate=-20261119", 0),
        ("AccessionNumber=ACC0001&ModalitiesInStudy=MR", 0),
        ("AccessionNumber=ACC0001&StudyDate=99991231", 0),
        ("AccessionNumber=ACC0001&StudyDate=-99991231", 1),
        ("PatientID=A0001X", 0),
        ("PatientID=9990000042", 0),
    ],
)
def test_search_keys_mean_what_they_say(server: WebServer, query: str, hits: int) -> None:
    answer = get(server, f"studies?{query}")
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == hits


@pytest.mark.parametrize(
    "query", ["", "StudyDate=20261120", "patientid=1", "PatientName=EX*", "PatientID=9*", "limit=x"]
)
def test_a_person_cannot_browse_and_misspelt_keys_are_refused(server: WebServer, query: str) -> None:
    assert get(server, f"studies?{query}").status_code == 400


def test_a_system_may_list_with_bounds(server: WebServer, region: Region, pacs: Orthanc) -> None:
    pacs.upload(Phantom(study_uid="1.2.826.0.1.3680043.8.498.2100", slices=1, accession="MORE").files()[0])
    region.harvester.harvest_once(region.directory.archives["pacs-a"], TODAY)
    page = get(server, "studies?limit=1", "system")
    assert len(page.json()) == 1
    assert "additional results" in page.headers["Warning"]
    rest = get(server, "studies?limit=5&offset=1", "system")
    assert "Warning" not in rest.headers
    assert page.json()[0]["0020000D"] not in [row["0020000D"] for row in rest.json()]


def test_series_and_instances_of_a_study(client: DICOMwebClient) -> None:
    series = client.search_for_series(STUDY_A)
    assert [s["00201209"]["Value"] for s in series] == [[4]]
    instances = client.search_for_instances(STUDY_A)
    assert len(instances) == 4
    assert {i["00100020"]["Value"][0] for i in instances} == {NHS_NUMBER}


def test_whole_study_arrives_as_stored(client: DICOMwebClient) -> None:
    found = client.retrieve_study(STUDY_A)
    assert len(found) == 4
    assert {len(d.PixelData) for d in found} == {128 * 128 * 2}


def test_metadata_carries_no_local_identifier_and_no_inner_address(server: WebServer, pacs: Orthanc) -> None:
    answer = get(server, f"studies/{STUDY_A}/metadata", Accept="application/dicom+json")
    assert answer.status_code == 200
    assert str(pacs.http_port) not in answer.text and "A0001" not in answer.text
    rows = answer.json()
    assert {row["00100020"]["Value"][0] for row in rows} == {NHS_NUMBER}
    link = rows[0]["7FE00010"]["BulkDataURI"]
    assert link.startswith(f"{server.url}/dicomweb/studies/{STUDY_A}/")
    octets = {"X-Caller": "clinician", "Accept": "multipart/related; type=application/octet-stream"}
    pixels = requests.get(link, headers=octets, timeout=30)
    assert pixels.status_code == 200 and len(pixels.content) > 128 * 128 * 2


def test_frames_rendered_and_thumbnail(client: DICOMwebClient, server: WebServer) -> None:
    instance = client.search_for_instances(STUDY_A)[0]
    series, uid = instance["0020000E"]["Value"][0], instance["00080018"]["Value"][0]
    assert len(client.retrieve_instance_frames(STUDY_A, series, uid, [1])[0]) == 128 * 128 * 2
    path = f"studies/{STUDY_A}/series/{series}/instances/{uid}"
    picture = get(server, f"{path}/rendered", Accept="image/jpeg")
    assert picture.content[:2] == b"\xff\xd8" and picture.headers["Content-Type"] == "image/jpeg"
    assert get(server, f"{path}/thumbnail").content[:2] == b"\xff\xd8"
    ohif = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
    frame = get(server, f"{path}/frames/1", **ohif)
    assert frame.status_code == 200 and b"Content-Location" not in frame.content
    assert frame.headers["Content-Length"] == str(len(frame.content))
    browser = get(server, f"{path}/rendered", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert browser.headers["Content-Type"] == "image/jpeg"
    single = get(server, path, Accept="application/dicom")
    assert single.headers["Content-Type"] == "application/dicom" and single.content[128:132] == b"DICM"
    assert get(server, f"{path}/rendered?exec=1").status_code == 400


def test_unknown_study_and_strange_paths_are_not_found(server: WebServer) -> None:
    assert get(server, "studies/1.2.3/metadata").status_code == 404
    assert get(server, f"studies/{STUDY_A}/%2e%2e/instances").status_code == 404
    assert get(server, f"studies/{STUDY_A}/archive").status_code == 404


def test_sealed_study_is_not_found_for_another_trust(region: Region, server: WebServer) -> None:
    from sqlalchemy import text

    region.database.write(lambda c: c.execute(text("UPDATE resource SET sealed = 1, custodian = 'RNQ'")))
    assert get(server, f"studies/{STUDY_A}/metadata").status_code == 404
    assert get(server, f"studies?StudyInstanceUID={STUDY_A}").json() == []


def test_a_study_that_claims_the_uid_of_another_opens_no_images(region: Region, server: WebServer) -> None:
    from sqlalchemy import text

    region.database.write(lambda c: c.execute(text("UPDATE resource SET sealed = 1, custodian = 'RNQ'")))
    content = {
        "resourceType": "ImagingStudy",
        "id": "decoy",
        "status": "available",
        "subject": {"reference": "Patient/mine"},
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY_A}"}],
    }
    body, index = json.dumps(content).encode(), extract("ImagingStudy", content)
    version = NewVersion("ImagingStudy", "decoy", 1, "POST", body, "RX1", ("mine",), index=index)
    region.database.write(lambda c: Storage(region.database).unit_of_work(c).store(version, None))
    assert get(server, f"studies/{STUDY_A}/metadata").status_code == 404
    assert get(server, f"studies/{STUDY_A}/series").status_code == 404


def test_one_disclosure_per_study_and_session(region: Region, server: WebServer) -> None:
    for _ in range(3):
        get(server, f"studies/{STUDY_A}/series")
        get(server, f"studies/{STUDY_A}/metadata")
    assert [(d.interaction, d.studies[0].resource_id) for d in region.disclosed] == [("open", STUDY_A)]


def test_stored_objects_become_a_study_that_opens(client: DICOMwebClient, region: Region) -> None:
    import io

    import pydicom

    uid = "1.2.826.0.1.3680043.8.498.2001"
    files = Phantom(study_uid=uid, accession="STOW1", slices=3).files()
    answer = client.store_instances([pydicom.dcmread(io.BytesIO(f)) for f in files])
    assert len(answer.ReferencedSOPSequence) == 3 and "FailedSOPSequence" not in answer
    assert region.received.file_quiet(quiet_s=0) == 1
    assert region.received.file_quiet(quiet_s=0) == 0
    assert len(client.retrieve_study(uid)) == 3
    instance = client.search_for_instances(uid)[0]
    series, sop = instance["0020000E"]["Value"][0], instance["00080018"]["Value"][0]
    assert len(client.retrieve_instance_frames(uid, series, sop, [1])[0]) == 128 * 128 * 2
    assert client.retrieve_instance_rendered(uid, series, sop)[:2] == b"\xff\xd8"
    assert client.retrieve_study_metadata(uid)[0]["00100020"]["Value"] == [NHS_NUMBER]
    rows = client.search_for_studies(search_filters={"AccessionNumber": "STOW1"})
    assert [row["0020000D"]["Value"][0] for row in rows] == [uid]


def test_store_refuses_what_is_not_dicom_and_names_it(server: WebServer) -> None:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\nnot dicom\r\n--b--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    answer = requests.post(f"{server.url}/dicomweb/studies", data=body, headers={"Content-Type": kind}, timeout=10)
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    denied = {"Content-Type": kind, "X-Caller": "clinician"}
    assert requests.post(f"{server.url}/dicomweb/studies", data=body, headers=denied, timeout=10).status_code == 403
