"""Verification, query, retrieve and storage work between an emulated PACS and pynetdicom, and into a real Orthanc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from adapters.emulated_trust.pacs import Pacs
from adapters.emulated_trust.pacs_dimse import STORED_CLASSES, Peer, StoreFailed, get_roles
from tests.support.emulated_studies import ANN, make_study
from tests.support.orthanc import Orthanc
from tests.support.ports import free_port
from tests.support.region_doors import DicomDoor

CT, DX = make_study("ct-head"), make_study("dx-chest", days=3)


@pytest.fixture(scope="module")
def pacs() -> Iterator[Pacs]:
    pacs = Pacs("RX1PACS")
    pacs.add(CT)
    pacs.add(DX)
    pacs.start()
    yield pacs
    pacs.stop()


@pytest.fixture
def receiver() -> Iterator[DicomDoor]:
    receiver = DicomDoor()
    yield receiver
    receiver.close()


def _associate(pacs: Pacs, *contexts: Any, called: str = "RX1PACS", **keys: Any) -> Any:
    entity = AE(ae_title="TESTSCU")
    for context in contexts:
        entity.add_requested_context(context)
    return entity.associate("127.0.0.1", pacs.dimse_port, ae_title=called, **keys)


def _study_keys(uid: str = "", level: str = "STUDY") -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = level, uid
    return keys


def test_echo_succeeds_and_a_wrong_called_title_is_rejected(pacs: Pacs) -> None:
    association = _associate(pacs, Verification)
    assert association.send_c_echo().Status == 0x0000
    association.release()
    assert _associate(pacs, Verification, called="SOMEONE").is_rejected


def test_find_answers_the_keys_that_were_asked(pacs: Pacs) -> None:
    keys = _study_keys()
    keys.PatientID, keys.OtherPatientIDsSequence, keys.NumberOfStudyRelatedInstances = "N1001", [], None
    association = _associate(pacs, StudyRootQueryRetrieveInformationModelFind)
    answers = list(association.send_c_find(keys, StudyRootQueryRetrieveInformationModelFind))
    association.release()
    rows = [row for _, row in answers if row is not None]
    assert [row.StudyInstanceUID for row in rows] == [DX.study_instance_uid, CT.study_instance_uid]
    assert rows[1].NumberOfStudyRelatedInstances == len(CT.instances)
    assert rows[0].OtherPatientIDsSequence[0].PatientID == ANN.nhs_number
    assert answers[-1][0].Status == 0x0000


def test_find_without_a_level_fails(pacs: Pacs) -> None:
    association = _associate(pacs, StudyRootQueryRetrieveInformationModelFind)
    keys = Dataset()
    keys.StudyInstanceUID = CT.study_instance_uid
    answers = list(association.send_c_find(keys, StudyRootQueryRetrieveInformationModelFind))
    association.release()
    assert answers[0][0].Status == 0xA900


def test_get_brings_the_objects_over_the_same_association(pacs: Pacs) -> None:
    stored: list[Dataset] = []
    association = _associate(
        pacs, StudyRootQueryRetrieveInformationModelGet, *STORED_CLASSES, ext_neg=get_roles(),
        evt_handlers=[(evt.EVT_C_STORE, lambda event: stored.append(event.dataset) or 0x0000)],
    )  # fmt: skip
    keys = _study_keys(DX.study_instance_uid)
    answers = list(association.send_c_get(keys, StudyRootQueryRetrieveInformationModelGet))
    association.release()
    assert answers[-1][0].Status == 0x0000
    assert [each.SOPInstanceUID for each in stored] == [DX.instances[0].sop_instance_uid]


def test_move_sends_the_objects_to_a_known_destination(pacs: Pacs, receiver: DicomDoor) -> None:
    pacs.add_destination(receiver.peer)
    association = _associate(pacs, StudyRootQueryRetrieveInformationModelMove)
    model = StudyRootQueryRetrieveInformationModelMove
    moved = list(association.send_c_move(_study_keys(CT.study_instance_uid), receiver.peer.aet, model))
    unknown = list(association.send_c_move(_study_keys(CT.study_instance_uid), "NOWHERE", model))
    association.release()
    assert (moved[-1][0].Status, unknown[-1][0].Status) == (0x0000, 0xA801)
    assert len(receiver.stored) == len(CT.instances)


@pytest.mark.parametrize("headers_only", [True, False])
def test_push_sends_headers_or_whole_objects(pacs: Pacs, receiver: DicomDoor, headers_only: bool) -> None:
    assert pacs.push(DX.study_instance_uid, receiver.peer, headers_only) == 1
    assert ("PixelData" in receiver.stored[0]) is not headers_only


def test_push_to_nobody_fails(pacs: Pacs) -> None:
    with pytest.raises(StoreFailed):
        pacs.push(DX.study_instance_uid, Peer("NOBODY", "127.0.0.1", free_port()))


def test_orthanc_takes_the_objects_by_store_and_by_stow_and_answers_the_same(
    pacs: Pacs, start_orthanc: Callable[..., Orthanc]
) -> None:
    orthanc = start_orthanc("OTHERPACS")
    ours, theirs = DICOMwebClient(pacs.dicomweb_url), DICOMwebClient(orthanc.dicomweb_url)
    answer = theirs.store_instances(ours.retrieve_study(CT.study_instance_uid))
    assert not answer.get("FailedSOPSequence") and len(answer.ReferencedSOPSequence) == len(CT.instances)
    assert pacs.push(DX.study_instance_uid, Peer("OTHERPACS", "127.0.0.1", orthanc.dicom_port)) == 1
    for study in (CT, DX):
        first = study.instances[0]
        place = (study.study_instance_uid, first.series_instance_uid, first.sop_instance_uid)
        media = (("application/octet-stream", ExplicitVRLittleEndian),)
        frames = [each.retrieve_instance_frames(*place, [1], media_types=media) for each in (ours, theirs)]
        assert frames[0] == frames[1]
        mine, copied = ours.retrieve_instance_metadata(*place), theirs.retrieve_instance_metadata(*place)
        assert _comparable(mine) == _comparable(copied)
    assert len(requests.get(f"{orthanc.url}/instances", timeout=10).json()) == len(CT.instances) + 1


def _comparable(metadata: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Metadata without what each PACS says of itself: addresses, transfer syntax, and file meta information."""
    own = {"7FE00010", "00081190", "00083002", "00080005"}
    return {tag: _filled(row) for tag, row in metadata.items() if tag not in own and not tag.startswith("0002")}


def _filled(row: dict[str, Any]) -> list[Any]:
    """The values, where an empty one is written as null by one PACS and as an empty string by the other."""
    return [value or None for value in row.get("Value") or []]


def test_frozen_pacs_takes_the_association_and_answers_nothing(pacs: Pacs) -> None:
    association = _associate(pacs, Verification)
    association.dimse_timeout = 0.5
    pacs.freeze()
    assert "Status" not in association.send_c_echo()
    pacs.thaw()
    again = _associate(pacs, Verification)
    assert again.send_c_echo().Status == 0x0000
    again.release()


def test_stopped_pacs_is_gone_and_comes_back_on_its_port(pacs: Pacs) -> None:
    pacs.stop()
    assert not _associate(pacs, Verification).is_established
    pacs.start()
    association = _associate(pacs, Verification)
    assert association.is_established
    association.release()
