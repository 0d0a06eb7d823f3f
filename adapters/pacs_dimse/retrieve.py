"""C-GET and C-MOVE of one study, Study Root (PS3.4 annexes C.4.2 and C.4.3), with every sub-operation accounted for.

A transfer that lost an object is a failure, whatever its final status says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from pydicom import Dataset
from pynetdicom import StoragePresentationContexts, build_context
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from adapters.pacs_dimse.association import Peer, associate
from fhir_server.imaging.ports import CutOff, ImageStore, ObjectSource, WrongAnswer

_CONTEXTS_MAX = 127  # PS3.8 allows 128 on one association; one is for C-GET itself
_SYNTAXES = [
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5",
]  # fmt: skip


def get_study(peer: Peer, study_uid: str, store: ImageStore, source: ObjectSource) -> int:
    """Fetch the study over one association into the store; returns how many objects came."""
    received = 0

    def on_store(event: Event) -> int:
        nonlocal received
        with _content(event) as part10:
            outcome = store.store(part10, source, study_uid=study_uid)
        received += outcome.failure == 0
        return outcome.failure

    model = StudyRootQueryRetrieveInformationModelGet
    storage = [
        build_context(c.abstract_syntax, _SYNTAXES)
        for c in StoragePresentationContexts[:_CONTEXTS_MAX]
        if c.abstract_syntax
    ]
    with associate(peer, [build_context(model), *storage], on_store=on_store, answer_s=peer.idle_s) as association:
        _account(peer, association.send_c_get(_identifier(study_uid), model))
    return received


def move_study(peer: Peer, study_uid: str, destination_aet: str) -> int:
    """Ask the archive to send the study to our receiver; returns how many objects it says it sent."""
    model = StudyRootQueryRetrieveInformationModelMove
    with associate(peer, [build_context(model)], answer_s=peer.idle_s) as association:
        return _account(peer, association.send_c_move(_identifier(study_uid), destination_aet, model))


def _content(event: Event) -> BinaryIO:
    """The received object as a file: already on disk when the process receives in chunks, else in memory."""
    try:
        path = event.dataset_path
    except AttributeError:
        path = None
    return path.open("rb") if path is not None else io.BytesIO(event.encoded_dataset())


def _identifier(study_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = study_uid
    return identifier


def _account(peer: Peer, answers: Iterator[tuple[Dataset, Dataset | None]]) -> int:
    """The completed sub-operations of the final answer; CutOff or WrongAnswer when any failed."""
    last = Dataset()
    for status, _ in answers:
        last = status
    code = getattr(last, "Status", None)
    if code is None:
        raise CutOff(f"{peer.label} went away in the middle of a transfer.")
    failed = int(getattr(last, "NumberOfFailedSuboperations", 0) or 0)
    if code != 0 or failed:
        raise WrongAnswer(f"{peer.label} ended a transfer with status {code:04X} and {failed} objects not sent.")
    return int(getattr(last, "NumberOfCompletedSuboperations", 0) or 0)
