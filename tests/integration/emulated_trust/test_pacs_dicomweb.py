"""A stock DICOMweb client finds and fetches everything that an emulated PACS holds."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import Dataset
from pydicom.uid import JPEGBaseline8Bit

from adapters.emulated_trust.dataset import labelled_pixels
from adapters.emulated_trust.images import KINDS
from adapters.emulated_trust.pacs import Pacs
from tests.support.emulated_studies import ANN, BOB, make_study

CT, US, DX = make_study("ct-head"), make_study("us-abdomen", days=2), make_study("dx-chest", patient=BOB, days=4)


@pytest.fixture(scope="module")
def pacs() -> Iterator[Pacs]:
    pacs = Pacs("RX1PACS")
    for study in (CT, US, DX):
        pacs.add(study)
    pacs.start()
    yield pacs
    pacs.stop()


@pytest.fixture
def client(pacs: Pacs) -> DICOMwebClient:
    return DICOMwebClient(pacs.dicomweb_url)


def _value(row: dict[str, dict[str, list[str]]], tag: str) -> str:
    return row[tag]["Value"][0]


def test_search_for_studies_of_a_patient(client: DICOMwebClient) -> None:
    rows = client.search_for_studies(search_filters={"PatientID": ANN.patient_id})
    assert [_value(row, "0020000D") for row in rows] == [US.study_instance_uid, CT.study_instance_uid]
    assert _value(rows[1], "00201208") == len(CT.instances)
    assert _value(rows[0], "00080061") == "US"
    assert _value(rows[0], "00081190").startswith("http://127.0.0.1")


def test_search_filters_fields_and_paging(client: DICOMwebClient) -> None:
    by_accession = client.search_for_studies(search_filters={"AccessionNumber": DX.accession_number})
    by_range = client.search_for_studies(search_filters={"StudyDate": "20260103-20260105", "ModalitiesInStudy": "US"})
    described = client.search_for_studies(fields=["StudyDescription"], limit=1, offset=2)
    assert _value(by_accession[0], "0020000D") == DX.study_instance_uid
    assert _value(by_range[0], "0020000D") == US.study_instance_uid
    assert _value(described[0], "00081030") == CT.description and len(described) == 1
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []


def test_search_for_series_and_instances(client: DICOMwebClient) -> None:
    series = client.search_for_series(CT.study_instance_uid)
    instances = client.search_for_instances(CT.study_instance_uid, _value(series[0], "0020000E"))
    everywhere = client.search_for_instances(search_filters={"PatientID": BOB.patient_id})
    assert _value(series[0], "00201209") == len(instances) == len(CT.instances)
    assert _value(everywhere[0], "0020000D") == DX.study_instance_uid


def test_unknown_attribute_is_refused_and_never_ignored(pacs: Pacs) -> None:
    assert requests.get(f"{pacs.dicomweb_url}/studies", params={"patientid": "N1001"}, timeout=10).status_code == 400


def test_more_results_are_announced(pacs: Pacs) -> None:
    answer = requests.get(f"{pacs.dicomweb_url}/studies", params={"limit": 1}, timeout=10)
    assert "additional results" in answer.headers["Warning"] and len(answer.json()) == 1
    assert answer.headers["Content-Type"] == "application/dicom+json"


def test_study_series_and_instance_are_retrieved_whole(client: DICOMwebClient) -> None:
    first = CT.instances[0]
    assert len(client.retrieve_study(CT.study_instance_uid)) == len(CT.instances)
    assert len(client.retrieve_series(CT.study_instance_uid, first.series_instance_uid)) == len(CT.instances)
    fetched = client.retrieve_instance(CT.study_instance_uid, first.series_instance_uid, first.sop_instance_uid)
    assert np.array_equal(fetched.pixel_array, labelled_pixels(CT, first))


def test_metadata_names_the_pixels_and_leaves_them_out(client: DICOMwebClient) -> None:
    rows = client.retrieve_study_metadata(CT.study_instance_uid)
    assert len(rows) == len(CT.instances)
    assert Dataset.from_json({k: v for k, v in rows[0].items() if k != "7FE00010"}).PatientName == "Brèdon^Ann"
    assert requests.get(rows[0]["7FE00010"]["BulkDataURI"], timeout=10).ok


def test_frames_of_a_cine_come_in_the_order_asked(client: DICOMwebClient) -> None:
    cine = US.instances[1]
    frames = client.retrieve_instance_frames(
        US.study_instance_uid, cine.series_instance_uid, cine.sop_instance_uid, frame_numbers=[7, 2]
    )
    pixels = labelled_pixels(US, cine)
    assert frames == [pixels[6].tobytes(), pixels[1].tobytes()]


def test_cine_is_compressed_for_those_who_ask(pacs: Pacs, client: DICOMwebClient) -> None:
    cine, native = US.instances[0], labelled_pixels(US, US.instances[0])
    place = (US.study_instance_uid, cine.series_instance_uid, cine.sop_instance_uid)
    frame = client.retrieve_instance_frames(*place, [3], media_types=(("image/jpeg", JPEGBaseline8Bit),))[0]
    whole = client.retrieve_instance(*place, media_types=(("application/dicom", JPEGBaseline8Bit),))
    assert whole.file_meta.TransferSyntaxUID == JPEGBaseline8Bit and whole.LossyImageCompression == "01"
    assert len(whole.PixelData) < native.nbytes / 2
    for shown in (np.asarray(Image.open(BytesIO(frame))), whole.pixel_array[2]):
        assert np.abs(shown.astype(int) - native[2]).mean() < 5


def test_sixteen_bit_picture_is_not_offered_as_jpeg(pacs: Pacs) -> None:
    accept = {"Accept": 'multipart/related; type="image/jpeg"; transfer-syntax=*'}
    assert requests.get(_instance_url(pacs, CT) + "/frames/1", headers=accept, timeout=10).status_code == 406


def _instance_url(pacs: Pacs, study: object = US) -> str:
    first = study.instances[0]  # type: ignore[attr-defined]
    uid = study.study_instance_uid  # type: ignore[attr-defined]
    return f"{pacs.dicomweb_url}/studies/{uid}/series/{first.series_instance_uid}/instances/{first.sop_instance_uid}"


@pytest.mark.parametrize(
    ("path", "accept", "status", "content_type"),
    [
        ("", "application/dicom", 200, "application/dicom;"),
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=*', 200, "multipart/related;"),
        ("", 'multipart/related; type="image/jp2"', 406, "text/plain"),
        ("/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*', 200, "multipart"),
        ("/frames/1", "application/octet-stream", 200, "application/octet-stream"),
        ("/frames/99", "*/*", 404, "text/plain"),
        ("/frames/x", "*/*", 400, "text/plain"),
        ("/rendered", "image/png", 200, "image/png"),
        ("/rendered", "*/*", 200, "image/jpeg"),
        ("/frames/3/rendered", "image/jpeg", 200, "image/jpeg"),
        ("/rendered?viewport=0,0", "*/*", 400, "text/plain"),
        ("/thumbnail", "*/*", 200, "image/jpeg"),
        ("/metadata", "application/dicom+json", 200, "application/dicom+json"),
        ("/metadata", 'multipart/related; type="application/dicom+xml"', 406, "text/plain"),
    ],
)
def test_negotiation(pacs: Pacs, path: str, accept: str, status: int, content_type: str) -> None:
    answer = requests.get(_instance_url(pacs) + path, headers={"Accept": accept}, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"][: len(content_type)]) == (status, content_type)


@pytest.mark.parametrize("kind", KINDS)
def test_rendered_picture_has_light_and_shade(pacs: Pacs, kind: str) -> None:
    study = make_study(kind, days=50)
    pacs.add(study)
    url = f"{pacs.dicomweb_url}/studies/{study.study_instance_uid}"
    whole = Image.open(BytesIO(requests.get(f"{url}/rendered", headers={"Accept": "image/png"}, timeout=20).content))
    small = Image.open(BytesIO(requests.get(f"{url}/thumbnail", timeout=20).content))
    assert np.asarray(whole).std() > 25
    assert max(small.size) <= 128


def test_stopped_pacs_refuses_and_comes_back_on_its_port(pacs: Pacs) -> None:
    session = requests.Session()
    url = f"{pacs.dicomweb_url}/studies"
    assert session.get(url, timeout=10).ok
    pacs.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(url, timeout=10)
    pacs.start()
    assert requests.get(url, timeout=10).ok


def test_frozen_pacs_accepts_and_never_answers(pacs: Pacs) -> None:
    pacs.freeze()
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{pacs.dicomweb_url}/studies", timeout=0.4)
    pacs.thaw()
    assert requests.get(f"{pacs.dicomweb_url}/studies", timeout=10).ok


def test_pacs_stopped_in_mid_transfer_cuts_the_body_short(pacs: Pacs) -> None:
    url = f"{pacs.dicomweb_url}/studies/{CT.study_instance_uid}"
    with requests.get(url, stream=True, timeout=10) as answer:
        parts = answer.iter_content(4096)
        next(parts)
        pacs.stop()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(parts)
    pacs.start()
