"""DIMSE both ways with a real Orthanc: searched by C-FIND, studies fetched by C-GET and C-MOVE, objects received."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE, build_context

from adapters.image_store.receiver import ObjectReceiver
from adapters.pacs_dimse.archive import DimseArchive, StagingArea
from adapters.pacs_dimse.association import Peer, parse_address
from adapters.pacs_dimse.echo import echo
from fhir_server.errors import RecordError, Unavailable
from fhir_server.imaging.ports import StudyQuery, phase_of
from tests.integration.imaging import orthanc
from tests.integration.imaging.conftest import STUDY_A, TODAY
from tests.integration.imaging.phantom import CT_STORAGE, Phantom
from tests.integration.imaging.region import Region, make_endpoint, source


@pytest.fixture
def region(tmp_path: Path) -> Region:
    return Region(tmp_path)


def make_archive(region: Region, peer: Peer) -> DimseArchive:
    endpoint = make_endpoint("pacs-d", f"dicom://{peer.aet}@{peer.host}:{peer.port}", "dimse")
    area = StagingArea(region.store_archive, region.store, region.index)
    archive = DimseArchive(endpoint, peer, area, lambda uid: None)
    region.directory.add(archive)
    return archive


@pytest.fixture
def peer(pacs: orthanc.Orthanc) -> Peer:
    return parse_address(pacs.dimse_address, "Trust A", "IMAGINGRECORD")


def test_echo_and_its_failures_name_their_phase(peer: Peer) -> None:
    echo(peer, 2)
    for broken, phase in (
        (Peer(peer.aet, peer.host, 9, "Trust A", "IMAGINGRECORD"), "not-connected"),
        (Peer("WRONG", peer.host, peer.port, "Trust A", "IMAGINGRECORD"), "wrong-answer"),
    ):
        with pytest.raises(RecordError) as caught:
            echo(broken, 2)
        assert phase_of(caught.value) == phase


def test_frozen_archive_does_not_hold_the_caller(peer: Peer, pacs: orthanc.Orthanc) -> None:
    pacs.freeze()
    try:
        with pytest.raises(RecordError) as caught:
            echo(Peer(peer.aet, peer.host, peer.port, "Trust A", "IMAGINGRECORD", answer_s=1.0), 1)
    finally:
        pacs.thaw()
    assert phase_of(caught.value) == "no-answer"


def test_harvest_over_c_find(region: Region, peer: Peer) -> None:
    archive = make_archive(region, peer)
    count = region.harvester.harvest_once(archive, TODAY)
    assert (count.recorded, count.problem) == (1, "")
    study = region.recorder.fragments[-1].content
    assert study["identifier"][0]["value"] == f"urn:oid:{STUDY_A}"
    assert study["series"][0]["numberOfInstances"] == 4
    assert {i["value"] for i in region.recorder.fragments[0].content["identifier"]} == {"A0001", "9990000026"}
    assert archive.search_studies(StudyQuery(patient_id="A0001"), 5) != []
    assert archive.search_studies(StudyQuery(patient_id="A0002"), 5) == []


def test_study_is_fetched_by_c_get_and_served_whole(region: Region, peer: Peer) -> None:
    archive = make_archive(region, peer)
    try:
        answer = archive.retrieve(f"studies/{STUDY_A}", "*/*")
    except Unavailable:  # a busy machine: it is still being fetched, as the caller is told
        threading.Event().wait(5)
        answer = archive.retrieve(f"studies/{STUDY_A}", "*/*")
    body = b"".join(answer.chunks)
    assert body.count(b"Content-Type: application/dicom") == 4
    assert {i.source for i in region.index.of_study(STUDY_A)} == {"fetch:pacs-d"}
    region.received.file_quiet(0)
    assert region.recorder.fragments == [], "the archive's own harvest speaks for what was fetched from it"
    assert [c.endpoint_id for c in region.locations.locations(STUDY_A)] == ["store"]


@pytest.fixture
def receiver(region: Region) -> Iterator[int]:
    known = ("TRUSTM", "SENDER")
    made = ObjectReceiver(region.store, lambda aet: source(aet) if aet in known else None, "IMAGINGRECORD")
    yield made.start("127.0.0.1", 0)
    made.stop()


def test_study_is_fetched_by_c_move_to_our_receiver(region: Region, receiver: int) -> None:
    if not orthanc.is_installed():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    server = orthanc.Orthanc("TRUSTM", modalities={"IMAGINGRECORD": ["IMAGINGRECORD", "127.0.0.1", receiver]})
    try:
        uid = "1.2.826.0.1.3680043.8.498.6001"
        for content in Phantom(study_uid=uid, slices=3).files():
            server.upload(content)
        peer = Peer("TRUSTM", "127.0.0.1", server.dicom_port, "Trust M", "IMAGINGRECORD", move=True)
        archive = make_archive(region, peer)
        answer = archive.retrieve(f"studies/{uid}/metadata", "application/dicom+json")
        assert b"".join(answer.chunks).count(b"00080018") == 3
    finally:
        server.remove()


def send(files: list[bytes], port: int, aet: str) -> list[int]:
    entity = AE(ae_title=aet)
    association = entity.associate(
        "127.0.0.1", port, [build_context(CT_STORAGE, "1.2.840.10008.1.2.1")], ae_title="IMAGINGRECORD"
    )
    assert association.is_established
    codes = [association.send_c_store(pydicom.dcmread(io.BytesIO(f))).Status for f in files]
    association.release()
    return codes


def test_received_objects_are_durable_before_success_and_become_a_study(region: Region, receiver: int) -> None:
    uid = "1.2.826.0.1.3680043.8.498.6002"
    files = Phantom(study_uid=uid, slices=3, accession="CSTORE1").files()
    assert send(files, receiver, "SENDER") == [0, 0, 0]
    assert len(region.index.of_study(uid)) == 3
    for instance in region.index.of_study(uid):
        stored = pydicom.dcmread(region.store.files.path(instance.path))
        assert stored.SOPInstanceUID == instance.instance_uid and len(stored.PixelData) == 128 * 128 * 2
    assert list(region.store.files.incoming.iterdir()) == []
    assert region.received.file_quiet(60) == 0, "not before it is quiet"
    assert region.received.file_quiet(0) == 1
    assert region.recorder.fragments[-1].content["identifier"][1]["value"] == "CSTORE1"
    assert send(files[:1], receiver, "SENDER") == [0], "sent again: taken again"
    assert len(region.index.of_study(uid)) == 3
    assert region.received.file_quiet(0) == 1


def test_unknown_sender_is_refused_and_nothing_is_kept(region: Region, receiver: int) -> None:
    assert send(Phantom(slices=1).files(), receiver, "STRANGER") == [0x0124]
    assert region.index.count() == 0
