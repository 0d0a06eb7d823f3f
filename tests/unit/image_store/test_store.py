"""The image store takes objects in whole or not at all, and serves every frame as it was."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from adapters.image_store.archive import StoreArchive
from adapters.image_store.files import ObjectFiles
from adapters.image_store.store import (
    DOES_NOT_MATCH,
    NOT_UNDERSTOOD,
    OUT_OF_RESOURCES,
    TRANSFER_SYNTAX_NOT_SUPPORTED,
    RegionalImageStore,
)
from fhir_server.errors import BadRequest, NotAcceptable, NotFound
from fhir_server.imaging.multipart import MultipartReader, boundary_of
from fhir_server.imaging.ports import ArchiveEndpoint, ArchiveResponse, ObjectSource, StoredInstance, StudyQuery
from fhir_server.imaging.store import store_parts
from tests.integration.imaging.phantom import Phantom

SOURCE = ObjectSource("SENDER", "RX1", "urn:mrn", "urn:acc")
ENDPOINT = ArchiveEndpoint("store", "Store", "RX1", "Region", "image-store", "", "urn:mrn", "urn:acc")
UID = "1.2.826.0.1.3680043.8.498.7001"


class Index:
    """The index in memory."""

    def __init__(self) -> None:
        self.held: dict[str, StoredInstance] = {}

    def add(self, instance: StoredInstance) -> None:
        self.held[instance.instance_uid] = instance

    def get(self, instance_uid: str) -> StoredInstance | None:
        return self.held.get(instance_uid)

    def of_study(self, study_uid: str, series_uid: str | None = None) -> list[StoredInstance]:
        return [i for i in self.held.values() if i.study_uid == study_uid and series_uid in (None, i.series_uid)]

    def studies(self, query: StudyQuery) -> list[str]:
        return sorted({i.study_uid for i in self.held.values()})

    def quiet_studies(self, before: int, limit: int) -> list[tuple[str, int]]:
        return []

    def mark_filed(self, study_uid: str, until: int) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> RegionalImageStore:
    return RegionalImageStore(ObjectFiles(tmp_path, 10_000_000), Index())


@pytest.fixture
def archive(store: RegionalImageStore) -> StoreArchive:
    return StoreArchive(ENDPOINT, store)


def parts(answer: ArchiveResponse) -> list[tuple[str, bytes]]:
    body = io.BytesIO(b"".join(answer.chunks))
    _, boundary = boundary_of(answer.headers["Content-Type"])
    return [(p.headers["content-type"], p.read(1 << 30)) for p in MultipartReader(body, boundary)]


def encoded(dataset: pydicom.Dataset) -> io.BytesIO:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    buffer.seek(0)
    return buffer


def instance_path(instance: StoredInstance) -> str:
    return f"studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.instance_uid}"


def stored(store: RegionalImageStore, dataset: pydicom.Dataset) -> StoredInstance:
    outcome = store.store(encoded(dataset), SOURCE)
    assert outcome.failure == 0
    found = store.index.get(outcome.instance_uid)
    assert found is not None
    return found


def phantom(size: int = 32) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(Phantom(study_uid=UID, slices=1, size=size).files()[0]))


def test_an_object_is_kept_byte_for_byte(store: RegionalImageStore, archive: StoreArchive) -> None:
    content = Phantom(study_uid=UID, slices=1).files()[0]
    outcome = store.store(io.BytesIO(content), SOURCE)
    assert (outcome.failure, outcome.study_uid) == (0, UID)
    assert [body for _, body in parts(archive.retrieve(f"studies/{UID}", "*/*"))] == [content]
    assert list(store.files.incoming.iterdir()) == []


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_frames_come_in_little_endian_whatever_the_file(
    store: RegionalImageStore, archive: StoreArchive, syntax: pydicom.uid.UID
) -> None:
    dataset = phantom()
    pixels = dataset.pixel_array.astype("<u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
    instance = stored(store, dataset)
    assert parts(archive.retrieve(f"{instance_path(instance)}/frames/1", "*/*"))[0][1] == pixels


def test_frames_of_a_multiframe_object_are_read_one_by_one(store: RegionalImageStore, archive: StoreArchive) -> None:
    dataset = phantom()
    first = dataset.pixel_array
    dataset.NumberOfFrames, dataset.PixelData = 3, np.stack([first, first + 1, first + 2]).astype("<u2").tobytes()
    instance = stored(store, dataset)
    assert instance.frames == 3
    found = parts(archive.retrieve(f"{instance_path(instance)}/frames/3,1", "*/*"))
    assert [body for _, body in found] == [(first + 2).astype("<u2").tobytes(), first.astype("<u2").tobytes()]
    with pytest.raises(NotFound):
        archive.retrieve(f"{instance_path(instance)}/frames/4", "*/*")


def test_compressed_frames_pass_through_and_render(store: RegionalImageStore, archive: StoreArchive) -> None:
    dataset = phantom()
    dataset.compress(RLELossless, generate_instance_uid=False)
    instance = stored(store, dataset)
    kind, content = parts(archive.retrieve(f"{instance_path(instance)}/frames/1", "*/*"))[0]
    assert kind == "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5"
    assert content == next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    picture = b"".join(archive.retrieve(f"{instance_path(instance)}/rendered", "image/png").chunks)
    assert Image.open(io.BytesIO(picture)).size == (32, 32)


def test_a_transfer_syntax_that_is_not_held_is_refused(store: RegionalImageStore, archive: StoreArchive) -> None:
    instance = stored(store, phantom())
    with pytest.raises(NotAcceptable):
        archive.retrieve(instance_path(instance), "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80")


def test_rendered_window_and_viewport_are_obeyed(store: RegionalImageStore, archive: StoreArchive) -> None:
    instance = stored(store, phantom(64))
    answer = archive.retrieve(f"{instance_path(instance)}/rendered", "image/png", "window=40,80,linear&viewport=16,16")
    assert Image.open(io.BytesIO(b"".join(answer.chunks))).size == (16, 16)


def test_what_is_no_object_leaves_nothing_behind(store: RegionalImageStore, tmp_path: Path) -> None:
    assert store.store(io.BytesIO(b"not dicom"), SOURCE).failure == NOT_UNDERSTOOD
    nameless = phantom()
    del nameless.StudyInstanceUID
    assert store.store(encoded(nameless), SOURCE).failure == NOT_UNDERSTOOD
    sly = phantom()
    sly.StudyInstanceUID = "../../etc"
    assert store.store(encoded(sly), SOURCE).failure == NOT_UNDERSTOOD
    assert store.store(encoded(phantom()), SOURCE, study_uid="1.2.3").failure == DOES_NOT_MATCH
    assert store.store(io.BytesIO(b"x" * 11_000_000), SOURCE).failure == OUT_OF_RESOURCES
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_study_rows_are_made_of_the_stored_headers(store: RegionalImageStore) -> None:
    for content in Phantom(study_uid=UID, slices=3, size=16).files():
        store.store(io.BytesIO(content), SOURCE)
    study, series = store.study_rows(UID)
    assert study["00201208"]["Value"] == [3] and study["00080061"]["Value"] == ["CT"]
    assert [s["00201209"]["Value"] for s in series] == [[3]]
    assert store.study_rows("9.9") == ({}, [])


def part10(transfer_syntax: str, body: bytes) -> io.BytesIO:
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", UID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = transfer_syntax, "2.25.1"
    buffer = io.BytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    pydicom.filewriter.write_file_meta_info(buffer, meta)
    buffer.write(body)
    buffer.seek(0)
    return buffer


def test_a_deflated_object_is_refused_before_it_unfolds(store: RegionalImageStore) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(500)) + packer.flush()
    tracemalloc.start()
    outcome = store.store(part10(DeflatedExplicitVRLittleEndian, bomb), SOURCE)
    assert outcome.failure == TRANSFER_SYNTAX_NOT_SUPPORTED
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_sequences_nested_without_end_are_not_understood(store: RegionalImageStore) -> None:
    item, sequence = b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff"
    outcome = store.store(part10(ExplicitVRLittleEndian, sequence + (item + sequence) * 5000), SOURCE)
    assert outcome.failure == NOT_UNDERSTOOD


def test_a_body_of_nothing_but_broken_parts_is_given_up(store: RegionalImageStore) -> None:
    body = io.BytesIO(b"--b\r\n\r\n\r\n" * 1500 + b"--b--")
    with pytest.raises(BadRequest):
        store_parts(body, 'multipart/related; type="application/dicom"; boundary=b', store, SOURCE, None)
