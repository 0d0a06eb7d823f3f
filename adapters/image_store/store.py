"""Take an object in: sync it, read its identity, name it, index it; only then is it stored.

Failure reasons are those of the Storage service class and of STOW-RS (PS3.4 table B.2-1, PS3.18 table I.2-2).
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import BinaryIO

from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from adapters.image_store import headers
from adapters.image_store.files import ObjectFiles, TooLong, relative_path
from fhir_server.errors import Unavailable
from fhir_server.imaging.ports import DicomJson, InstanceIndex, ObjectSource, StoredInstance, StoreOutcome

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
NOT_UNDERSTOOD = 0xC000
TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_RESERVE_BYTES = 256 * 1024 * 1024  # stop taking objects in before the disk is full: the rest of the record needs it


class RegionalImageStore:
    """The image store over a folder and an index."""

    def __init__(self, files: ObjectFiles, index: InstanceIndex) -> None:
        self.files = files
        self.index = index

    @property
    def incoming(self) -> Path:
        return self.files.incoming

    def store(self, part10: BinaryIO, source: ObjectSource, *, study_uid: str | None = None) -> StoreOutcome:
        """Store one DICOM file; `study_uid` is the only study that it may belong to (PS3.18 10.5.1). Never raises
        for what the sender did: the outcome says it."""
        if self.files.free_bytes() < _RESERVE_BYTES:
            return StoreOutcome("", "", failure=OUT_OF_RESOURCES)
        try:
            with self.files.receive(part10) as received:
                return self._file(received, source, study_uid)
        except (OSError, TooLong, Unavailable):
            return StoreOutcome("", "", failure=OUT_OF_RESOURCES)

    def study_rows(self, study_uid: str) -> tuple[DicomJson, list[DicomJson]]:
        instances = self.index.of_study(study_uid)
        by_series: dict[str, list[StoredInstance]] = {}
        for instance in instances:
            by_series.setdefault(instance.series_uid, []).append(instance)
        found = [(headers.metadata(self.files.path(group[0].path), ""), len(group)) for group in by_series.values()]
        if not found:
            return {}, []
        study = headers.study_row((header for header, _ in found), len(found), len(instances))
        return study, [headers.series_row(header, count) for header, count in found]

    def _file(self, received: Path, source: ObjectSource, study_uid: str | None) -> StoreOutcome:
        try:
            if headers.transfer_syntax(received) == DeflatedExplicitVRLittleEndian:
                return StoreOutcome("", "", failure=TRANSFER_SYNTAX_NOT_SUPPORTED)
            instance = _identify(received, source)
        except (InvalidDicomError, ValueError, AttributeError, KeyError, EOFError, NotImplementedError, RecursionError):
            return StoreOutcome("", "", failure=NOT_UNDERSTOOD)
        outcome = StoreOutcome(
            instance.sop_class_uid, instance.instance_uid, instance.study_uid, instance.series_uid, _objection(instance)
        )
        if study_uid is not None and instance.study_uid != study_uid:
            return StoreOutcome(instance.sop_class_uid, instance.instance_uid, failure=DOES_NOT_MATCH)
        if outcome.failure == 0:
            self.files.keep(received, instance.instance_uid)
            self.index.add(instance)
        return outcome


def _objection(instance: StoredInstance) -> int:
    uids = (instance.instance_uid, instance.series_uid, instance.study_uid, instance.sop_class_uid)
    return 0 if all(_UID.fullmatch(uid) and len(uid) <= 64 for uid in uids) else NOT_UNDERSTOOD


def _identify(path: Path, source: ObjectSource) -> StoredInstance:
    """Read what the index keeps. The numbers keep the sender's issuers, as found."""
    header = headers.read_header(path)
    return StoredInstance(
        instance_uid=str(header.SOPInstanceUID),
        series_uid=str(header.SeriesInstanceUID),
        study_uid=str(header.StudyInstanceUID),
        sop_class_uid=str(header.SOPClassUID),
        transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
        frames=int(header.get("NumberOfFrames") or 1),
        path=str(relative_path(str(header.SOPInstanceUID))),
        size=path.stat().st_size,
        source=source.name,
        trust=source.trust,
        patient_id=str(header.get("PatientID") or ""),
        patient_issuer=source.patient_issuer,
        accession_number=str(header.get("AccessionNumber") or ""),
        accession_issuer=source.accession_issuer,
        received_at=time.time_ns() // 1000,
    )
