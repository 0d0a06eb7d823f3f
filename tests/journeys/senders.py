"""Senders that never give up on what is not acknowledged: a RIS, an API client and a modality, each with its ledger."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dsutils import encode

from adapters.emulated_trust.dataset import make_file_meta
from adapters.emulated_trust.mllp_client import MllpClient, Stopped
from adapters.emulated_trust.uids import make_uid
from hl7.emit import Exam, Occasion, Person, Report, Sender, make_adt, make_orm, make_oru
from tests.journeys.fhir_client import FhirClient
from tests.journeys.ledger import Ledger
from tests.journeys.served import AET, ServedRecord

REST_SYSTEM = "https://epr.example/exchange"
#: Which messages of an exam's story a RIS sends: all, or the last report alone.
WHOLE, REPORT_ONLY = slice(None), slice(-1, None)
_BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def exam_story(trust: str, number: int) -> Iterator[tuple[str, bytes]]:
    """One exam of one synthetic person as a RIS tells it: control ids and payloads in the order of events."""
    sender = Sender("RIS", trust, "2.4")
    person = Person(f"M{number:06d}", f"TESTER{number}", "Robin", _BEGIN.date() - timedelta(days=9000 + number), "F")
    accession = accession_of(trust, number)
    exam = Exam(
        accession, "CCHES", "CT chest", placer=f"P{number}", modality="CT",
        study_uid=make_uid("journey", trust, number), requested_at=_BEGIN, performed_at=_BEGIN + timedelta(hours=1),
    )  # fmt: skip
    steps = (
        lambda said: make_adt("A28", sender, person, occasion=said),
        lambda said: make_orm(sender, person, [exam], occasion=said),
        lambda said: make_oru(sender, person, [exam], Report(("Clear lungs.",), "P"), occasion=said),
        lambda said: make_oru(sender, person, [exam], Report(("Clear lungs.", "No nodule."), "F"), occasion=said),
    )
    for step, make in enumerate(steps):
        control_id = f"{trust}{number:06d}S{step}"
        when = _BEGIN + timedelta(minutes=10 * step, seconds=number)
        yield control_id, make(Occasion(when, control_id, "NW"))


def accession_of(trust: str, number: int) -> str:
    return f"{trust}{number:07d}"


class Worker(threading.Thread):
    """A sender in a thread of its own: `turn` again and again until told to stop; an error of it is kept."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.error: BaseException | None = None

    def turn(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.turn()
        except BaseException as error:  # told to the test by `finish`
            self.error = error

    def finish(self, timeout_s: float = 60.0) -> None:
        """Let it end what it is at, and raise what went wrong."""
        self.stopping.set()
        self.join(timeout_s)
        assert not self.is_alive(), f"{self.name} did not end"
        if self.error is not None:
            raise self.error


class Ris(Worker):
    """A RIS on a connection of its own. Every third message is sent twice, as impatient senders do."""

    def __init__(
        self, record: ServedRecord, trust: str, first: int, exams_max: int = 100_000, steps: slice = WHOLE
    ) -> None:
        super().__init__(f"ris-{trust}-{first}")
        self._steps = steps
        self.trust, self.ledger = trust, Ledger(f"messages of {trust} from {first}")
        self.finished: list[int] = []
        self._numbers = itertools.count(first)
        self._left = exams_max
        self._client = MllpClient("127.0.0.1", record.mllp_port, ack_timeout_s=20)

    def turn(self) -> None:
        number = next(self._numbers)
        for count, (control_id, payload) in enumerate(list(exam_story(self.trust, number))[self._steps]):
            self.ledger.intend(control_id)
            if not self._send(control_id, payload):
                return
            if count % 3 == 1:
                self._client.send(payload)
        self.finished.append(number)
        self._left -= 1
        if not self._left:
            self.stopping.set()

    def _send(self, control_id: str, payload: bytes) -> bool:
        """Send until it is accepted. AE says that it could not be stored now; False when told to stop before."""
        while True:
            try:
                code = self._client.send(payload)
            except Stopped:
                return False
            if code == "AA":
                self.ledger.acknowledge(control_id)
                return True
            assert code == "AE", f"{control_id} was answered {code}"
            self.ledger.fail(code)
            self.stopping.wait(0.3)


@dataclass
class Disclosed:
    """Reads that were answered, by resource type and id."""

    reads: list[tuple[str, str]] = field(default_factory=list)


class Epr(Worker):
    """Writes transactions (conditional, repeated until answered) and plain creates (never repeated), and reads."""

    def __init__(self, name: str, client: FhirClient) -> None:
        super().__init__(name)
        self._client = client
        self.transactions, self.creates = Ledger(f"transactions of {name}"), Ledger(f"creates of {name}")
        self.answered = Disclosed()
        self._numbers = itertools.count()

    def turn(self) -> None:
        number = next(self._numbers)
        self._transact(f"{self.name}-t{number}")
        self._create(f"{self.name}-c{number}")

    def _transact(self, key: str) -> None:
        self.transactions.intend(key)
        while not self.stopping.is_set():
            bundle = self._try("transaction", lambda: self._client.request("POST", "/fhir", json=_transaction(key)))
            if bundle is not None:
                self.transactions.acknowledge(key)
                self._read(bundle["entry"][0]["response"]["location"])
                return
            self.stopping.wait(0.2)

    def _create(self, key: str) -> None:
        self.creates.intend(key)
        made = self._try("create", lambda: self._client.request("POST", "/fhir/Basic", json=_basic(key)))
        if made is not None:
            self.creates.acknowledge(key)

    def _read(self, location: str) -> None:
        resource_type, resource_id = location.split("/_history")[0].split("/")[-2:]
        path = f"/fhir/{resource_type}/{resource_id}"
        if self._try("read", lambda: self._client.request("GET", path)) is not None:
            self.answered.reads.append((resource_type, resource_id))

    def _try(self, what: str, ask: Callable[[], requests.Response]) -> Any:
        """The JSON of a good answer; None after no answer or a 503. Anything else is a defect."""
        try:
            response = ask()
        except requests.RequestException as error:
            status = getattr(error.response, "status_code", None)
            assert status in (None, 503), f"{what}: {status}"
            self.transactions.fail("no answer")
            return None
        if response.status_code == 503:
            self.transactions.fail("503")
            return None
        assert response.ok, f"{what}: {response.status_code} {response.text[:300]}"
        return response.json()


def _transaction(key: str) -> dict[str, Any]:
    patient = f"urn:uuid:{uuid.uuid4()}"
    person = {"resourceType": "Patient", "identifier": [_identifier(key)], "name": [{"family": "Tester"}]}
    finding = {
        "resourceType": "Observation", "status": "final", "identifier": [_identifier(key)],
        "code": {"text": "Height"}, "subject": {"reference": patient},
    }  # fmt: skip
    return {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": patient, "resource": person, "request": _conditional("Patient", key)},
        {"resource": finding, "request": _conditional("Observation", key)},
    ]}  # fmt: skip


def _identifier(key: str) -> dict[str, str]:
    return {"system": REST_SYSTEM, "value": key}


def _conditional(resource_type: str, key: str) -> dict[str, str]:
    return {"method": "POST", "url": resource_type, "ifNoneExist": f"identifier={REST_SYSTEM}|{key}"}


def _basic(key: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "identifier": [_identifier(key)], "code": {"text": "journey"}}


class Modality(Worker):
    """Sends one object a turn by C-STORE until it is stored; three objects make a study."""

    def __init__(self, record: ServedRecord, aet: str, trust: str) -> None:
        super().__init__(f"modality-{aet}")
        self._port, self._aet, self._trust = record.dicom_port, aet, trust
        self.ledger = Ledger(f"objects of {aet}")
        self.sent: dict[str, Dataset] = {}
        self._numbers = itertools.count()
        self._association: Association | None = None

    def turn(self) -> None:
        image = make_image(self._trust, next(self._numbers))
        uid = str(image.SOPInstanceUID)
        self.sent[uid] = image
        self.ledger.intend(uid)
        while not self.stopping.is_set():
            if self._store(image):
                self.ledger.acknowledge(uid)
                return
            self.ledger.fail("not stored")
            self.stopping.wait(0.3)

    def finish(self, timeout_s: float = 60.0) -> None:
        super().finish(timeout_s)
        if self._association is not None and self._association.is_established:
            self._association.release()

    def _store(self, image: Dataset) -> bool:
        if self._association is None or not self._association.is_established:
            self._association = self._associate()
        if not self._association.is_established:
            return False
        with suppress(RuntimeError, ValueError):
            status = self._association.send_c_store(image)
            return bool(status) and status.Status == 0x0000
        return False

    def _associate(self) -> Association:
        entity = AE(ae_title=self._aet)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = 10
        entity.add_requested_context(CTImageStorage, [ExplicitVRLittleEndian])
        return entity.associate("127.0.0.1", self._port, ae_title=AET)


def make_image(trust: str, number: int) -> Dataset:
    """A small CT slice whose pixels are its number, in a study of three."""
    study = number // 3
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, make_uid("journey", trust, "image", number)
    image.StudyInstanceUID, image.SeriesInstanceUID = study_uid_of(trust, study), make_uid("series", trust, study)
    image.PatientID, image.PatientName = f"D{study:06d}", f"TESTER{study}^Modality"
    image.PatientBirthDate, image.PatientSex = "19600102", "F"
    image.AccessionNumber, image.Modality = f"D{trust}{study:06d}", "CT"
    image.StudyDate, image.StudyTime, image.StudyID = "20260302", "090000", str(study)
    image.SeriesNumber, image.InstanceNumber = 1, number % 3 + 1
    image.Rows = image.Columns = 32
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.PixelData = number.to_bytes(2, "little") * (32 * 32)
    image["PixelData"].VR = "OW"
    image.file_meta = make_file_meta(image)
    return image


def study_uid_of(trust: str, study: int) -> str:
    return str(make_uid("journey", trust, "study", study))


def encoded(image: Dataset) -> bytes:
    """The object's bytes as they go over the wire."""
    data = encode(image, is_implicit_vr=False, is_little_endian=True)
    assert data is not None
    return data


def without_meta(part10: bytes) -> bytes:
    """A DICOM file's data set: what follows preamble, prefix and file meta information (PS3.10 section 7.1)."""
    assert part10[128:132] == b"DICM"
    assert part10[132:136] == b"\x02\x00\x00\x00", "the meta information begins with its length"
    return part10[144 + int.from_bytes(part10[140:144], "little") :]
