"""Synthetic objects are valid DICOM, the same in every run, and an eye could tell tissue from air."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.multival import MultiValue
from pydicom.uid import UID

from adapters.emulated_trust.dataset import labelled_pixels, make_header, make_instance, make_part10
from adapters.emulated_trust.images import KINDS
from adapters.emulated_trust.uids import make_uid
from tests.support.emulated_studies import ANN, BOB, make_study


def test_uid_is_valid_and_the_same_for_the_same_names() -> None:
    uid = make_uid("seed", 1)
    assert UID(uid).is_valid and uid.startswith("2.25.")
    assert uid == make_uid("seed", 1) != make_uid("seed", 2)


@pytest.mark.parametrize("kind", KINDS)
def test_instance_survives_a_round_trip_through_a_file(kind: str) -> None:
    study = make_study(kind)
    middle = study.instances[len(study.instances) // 2]
    read = dcmread(BytesIO(make_part10(make_instance(study, middle))))
    assert read.SOPInstanceUID == middle.sop_instance_uid == read.file_meta.MediaStorageSOPInstanceUID
    assert np.array_equal(read.pixel_array, labelled_pixels(study, middle))
    assert int(read.pixel_array.max()) < 2**read.BitsStored


@pytest.mark.parametrize("kind", KINDS)
def test_picture_shows_something_in_its_window(kind: str) -> None:
    study = make_study(kind)
    middle = study.instances[len(study.instances) // 2]
    header = make_header(study, middle)
    centre, width = _first(header.WindowCenter), _first(header.WindowWidth)
    shown = labelled_pixels(study, middle) + float(header.get("RescaleIntercept", 0))
    inside = np.abs(shown - centre) < width / 2
    assert inside.mean() > 0.1
    assert shown[inside].std() > width / 50


def _first(value: object) -> float:
    return float(value[0] if isinstance(value, MultiValue) else value)  # type: ignore[arg-type]


def test_same_plan_makes_the_same_bytes() -> None:
    first, second = ((study, study.instances[5]) for study in (make_study("mr-head"), make_study("mr-head")))
    assert make_part10(make_instance(*first)) == make_part10(make_instance(*second))


def test_finding_changes_the_picture() -> None:
    plain, found = make_study("ct-head", variant=0), make_study("ct-head", variant=1)
    lesion_slice = 18
    assert not np.array_equal(labelled_pixels(plain, plain.instances[lesion_slice]),
                              labelled_pixels(found, found.instances[lesion_slice]))  # fmt: skip


def test_identity_names_the_trust_and_the_nhs_number() -> None:
    study = make_study("dx-chest")
    header = make_header(study, study.instances[0])
    assert (header.PatientID, header.IssuerOfPatientID) == ("N1001", "RX1")
    assert header.OtherPatientIDsSequence[0].PatientID == ANN.nhs_number
    assert header.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RX1"
    assert str(header.PatientName) == "Brèdon^Ann"


def test_patient_without_nhs_number_has_no_other_identifiers() -> None:
    study = make_study("dx-chest", patient=BOB)
    assert "OtherPatientIDsSequence" not in make_header(study, study.instances[0])


@pytest.mark.parametrize("kind", ["ct-head", "ct-chest", "mr-head", "mr-lumbar-spine"])
def test_slices_of_a_study_share_one_frame_of_reference_and_do_not_overlap(kind: str) -> None:
    study = make_study(kind)
    headers = [make_header(study, instance) for instance in study.instances]
    places = {(header.SeriesInstanceUID, tuple(header.ImagePositionPatient)) for header in headers}
    assert len({header.FrameOfReferenceUID for header in headers}) == 1
    assert len(places) == len(headers)
