"""Matching of attributes is exact unless the key says otherwise, at every level."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from adapters.emulated_trust.archive import Archive
from adapters.emulated_trust.pacs_search import parse_search
from adapters.emulated_trust.query import Level, find_matches
from tests.support.emulated_studies import ANN, BOB, make_study


def _archive() -> Archive:
    archive = Archive()
    for study in (make_study("ct-head"), make_study("us-abdomen", days=9), make_study("dx-chest", patient=BOB, days=3)):
        archive.add(study)
    return archive


def _modalities(level: Level = Level.STUDY, **keys: str) -> list[str]:
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return [match.Modality for match in find_matches(_archive(), level, identifier)]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ["US", "DX", "CT"]),
        ({"PatientID": "N1001"}, ["US", "CT"]),
        ({"PatientID": "N100"}, []),
        ({"PatientID": "N100*"}, ["US", "DX", "CT"]),
        ({"PatientID": "N100?"}, ["US", "DX", "CT"]),
        ({"StudyDate": "20260105"}, ["DX"]),
        ({"StudyDate": "20260103-20260105"}, ["DX"]),
        ({"StudyDate": "20260105-"}, ["US", "DX"]),
        ({"StudyDate": "-20260105"}, ["DX", "CT"]),
        ({"ModalitiesInStudy": "CT"}, ["CT"]),
        ({"PatientName": "quilter^BOB"}, ["DX"]),
        ({"AccessionNumber": ""}, ["US", "DX", "CT"]),
    ],
)
def test_studies_that_match(keys: dict[str, str], expected: list[str]) -> None:
    assert _modalities(**keys) == expected


def test_a_list_of_uids_matches_any_of_them() -> None:
    uids = [make_study("ct-head").study_instance_uid, make_study("us-abdomen", days=9).study_instance_uid]
    assert _modalities(StudyInstanceUID="\\".join(uids)) == ["US", "CT"]


def test_instances_are_counted_per_series() -> None:
    assert len(_modalities(Level.IMAGE, Modality="CT")) == 30


def test_nhs_number_is_found_inside_its_sequence() -> None:
    keys = parse_search(MultiDict({"OtherPatientIDsSequence.PatientID": ANN.nhs_number}), Level.STUDY, {}).keys
    assert len(list(find_matches(_archive(), Level.STUDY, keys))) == 2


@pytest.mark.parametrize("args", [{"patientid": "1"}, {"Nonsense": "1"}, {"limit": "-1"}, {"PatientID.StudyDate": "1"}])
def test_search_that_nobody_understands_is_refused(args: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        parse_search(MultiDict(args), Level.STUDY, {})
