"""C-FIND, Study Root (PS3.4 annex C.4.1): exact-match keys only, rows as DICOM JSON, every row checked."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pydicom import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from adapters.pacs_dimse.association import Peer, associate
from fhir_server.imaging.ports import CutOff, DicomJson, NoAnswer, StudyQuery, WrongAnswer

_RETURN_KEYS = {
    "STUDY": "StudyTime ModalitiesInStudy StudyDescription PatientName PatientBirthDate PatientSex StudyID "
    "IssuerOfPatientID OtherPatientIDsSequence ReferringPhysicianName NumberOfStudyRelatedSeries "
    "NumberOfStudyRelatedInstances",
    "SERIES": "SeriesNumber Modality SeriesDescription BodyPartExamined SeriesDate SeriesTime "
    "NumberOfSeriesRelatedInstances",
    "IMAGE": "SOPClassUID InstanceNumber Rows Columns NumberOfFrames",
}
_PENDING = (0xFF00, 0xFF01)
_SUCCESS, _CANCELLED = 0x0000, 0xFE00


def find(peer: Peer, level: str, keys: dict[str, str], budget: float, row_max: int) -> list[DicomJson]:
    """The rows at STUDY, SERIES or IMAGE level; at most `row_max`, the rest is cancelled."""
    identifier = _identifier(level, keys)
    with associate(peer, [build_context(StudyRootQueryRetrieveInformationModelFind)], answer_s=budget) as association:
        rows: list[DicomJson] = []
        model = StudyRootQueryRetrieveInformationModelFind
        deadline = time.monotonic() + budget
        for status, found in association.send_c_find(identifier, model):
            if not _is_row(status, peer):
                break
            if found is not None and len(rows) < row_max:
                rows.append(found.to_json_dict())
                if len(rows) == row_max:  # the rows already on their way are still read, and dropped
                    association.send_c_cancel(1, query_model=model)
            if time.monotonic() > deadline:
                raise NoAnswer(f"{peer.label} did not finish its answer in time.")
        return list(_believed(rows, keys))


def study_keys(query: StudyQuery) -> dict[str, str]:
    low = query.date_from.strftime("%Y%m%d") if query.date_from else ""
    high = query.date_to.strftime("%Y%m%d") if query.date_to else ""
    days = low if low == high else f"{low}-{high}"
    return {
        "StudyInstanceUID": query.study_uid or "",
        "PatientID": query.patient_id or "",
        "AccessionNumber": query.accession_number or "",
        "StudyDate": days,
    }


def _identifier(level: str, keys: dict[str, str]) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword in _RETURN_KEYS[level].split():
        setattr(identifier, keyword, [Dataset()] if keyword.endswith("Sequence") else None)
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _is_row(status: Dataset, peer: Peer) -> bool:
    """Whether a row comes with the status; a failure is an error, silence means that the peer went away."""
    code = getattr(status, "Status", None)
    if code is None:
        raise CutOff(f"{peer.label} went away in the middle of its answer.")
    if code not in (*_PENDING, _SUCCESS, _CANCELLED):
        raise WrongAnswer(f"{peer.label} answered a C-FIND with status {code:04X}.")
    return code in _PENDING


def _believed(rows: list[DicomJson], keys: dict[str, str]) -> Iterator[DicomJson]:
    asked = {_TAGS[k]: v for k, v in keys.items() if v and k in _TAGS}
    for row in rows:
        if all(str((row.get(tag, {}).get("Value") or [""])[0]).strip() == value for tag, value in asked.items()):
            yield row


_TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "PatientID": "00100020",
    "AccessionNumber": "00080050",
}
