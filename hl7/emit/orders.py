"""Imaging orders: ORM^O01 with ZDS (IHE RAD-4), OMG^O19 (HL7 UK A.3), OMI^O23 with IPC (HL7 v2.5.1 chapter 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hl7.emit.er7 import Sender, components, make_control_id, msh, now, segment, serialise, timestamp, xcn
from hl7.emit.parties import NOW, Exam, Occasion, Person, Visit
from hl7.emit.patient import pd1, pid, pv1
from hl7.escapes import escape


@dataclass(frozen=True)
class _Order:
    """What an order message says beyond the exam: what happens (ORC-1), where it stands (ORC-5), and when."""

    sender: Sender
    control: str
    status: str
    moment: datetime
    control_id: str


def make_orm(
    sender: Sender,
    person: Person,
    exams: Sequence[Exam],
    visit: Visit | None = None,
    occasion: Occasion = NOW,
) -> bytes:
    """ORM^O01: ORC, OBR and ZDS for each exam, accession in OBR-18."""
    order = _Order(sender, occasion.order_control, occasion.order_status, occasion.when or now(), occasion.control_id)
    return _message(order, "ORM^O01^ORM_O01", (person, visit), [_orm_line(order, exam) for exam in exams])


def make_omg(
    sender: Sender,
    person: Person,
    exams: Sequence[Exam],
    visit: Visit | None = None,
    occasion: Occasion = NOW,
) -> bytes:
    """OMG^O19: as ORM^O01, with the priority in TQ1 where the version has one (else in ORC-7)."""
    order = _Order(sender, occasion.order_control, occasion.order_status, occasion.when or now(), occasion.control_id)
    return _message(order, "OMG^O19^OMG_O19", (person, visit), [_orm_line(order, exam) for exam in exams])


def make_omi(
    sender: Sender,
    person: Person,
    exams: Sequence[Exam],
    visit: Visit | None = None,
    occasion: Occasion = NOW,
) -> bytes:
    """OMI^O23 (v2.5.1 or later): ORC, TQ1, OBR and IPC for each exam; accession and study UID in the IPC."""
    order = _Order(sender, occasion.order_control, occasion.order_status, occasion.when or now(), occasion.control_id)
    return _message(order, "OMI^O23^OMI_O23", (person, visit), [_omi_line(order, exam) for exam in exams])


def _message(
    order: _Order,
    message_type: str,
    about: tuple[Person, Visit | None],
    lines: Sequence[Sequence[str]],
) -> bytes:
    person, visit = about
    sender = order.sender
    head = [msh(sender, message_type, order.control_id or make_control_id(), order.moment)]
    head += [pid(sender, person), pd1(sender, person), pv1(sender, visit)]
    return serialise([*head, *(part for line in lines for part in line)], sender)


def _orm_line(order: _Order, exam: Exam) -> list[str]:
    return [_orc(order, exam), _tq1(order, exam), obr(order.sender, exam, {}), *_notes(order, exam), zds(exam)]


def _omi_line(order: _Order, exam: Exam) -> list[str]:
    return [_orc(order, exam), _tq1(order, exam), obr(order.sender, exam, {}), *_notes(order, exam), _ipc(order, exam)]


def _orc(order: _Order, exam: Exam) -> str:
    """ORC-9 is the time of the transaction; ORC-7 carries the priority for versions before TQ1."""
    fields = {
        1: order.control,
        2: escape(exam.placer),
        3: escape(exam.filler or exam.accession),
        5: order.status,
        7: f"1^^^{timestamp(exam.scheduled_at)}^^{exam.priority}",
        9: timestamp(order.moment),
        12: xcn(exam.requester),
    }
    return segment("ORC", fields, order.sender.version)


def _tq1(order: _Order, exam: Exam) -> str:
    if order.sender.version < "2.5":
        return ""
    fields = {1: "1", 7: timestamp(exam.scheduled_at), 9: exam.priority}
    return segment("TQ1", fields, order.sender.version)


def obr(sender: Sender, exam: Exam, result: dict[int, str]) -> str:
    """OBR of an order; `result` adds the fields that only a result has (7, 8, 22, 25, 32 to 35)."""
    fields = {
        1: "1",
        2: escape(exam.placer),
        3: escape(exam.filler or exam.accession),
        4: components(exam.code, exam.name, exam.code_system),
        5: exam.priority,
        6: timestamp(exam.requested_at),
        7: timestamp(exam.performed_at),
        13: escape(exam.clinical_information),
        16: xcn(exam.requester),
        18: escape(exam.accession),
        19: escape(exam.requested_procedure_id),
        20: escape(exam.scheduled_step_id),
        24: exam.modality,
        27: f"1^^^{timestamp(exam.scheduled_at)}^^{exam.priority}",
        31: components("", exam.reason) if exam.reason else "",
    }
    return segment("OBR", {**fields, **result}, sender.version)


def zds(exam: Exam) -> str:
    """ZDS: the Study Instance UID (IHE Radiology TF-2, 4.4.4.1.2.3)."""
    return f"ZDS|{exam.study_uid}^100^Application^DICOM" if exam.study_uid else ""


def _ipc(order: _Order, exam: Exam) -> str:
    fields = {
        1: components(exam.accession, order.sender.application),
        2: components(exam.requested_procedure_id or exam.accession, order.sender.application),
        3: components(exam.study_uid, order.sender.application) if exam.study_uid else "",
        4: components(exam.scheduled_step_id or exam.accession, order.sender.application),
        5: exam.modality,
        6: components(exam.code, exam.name, exam.code_system),
        9: escape(exam.station_aet),
    }
    return segment("IPC", fields, order.sender.version)


def _notes(order: _Order, exam: Exam) -> list[str]:
    lines = exam.note.splitlines()
    return [
        segment("NTE", {1: str(number), 3: escape(line)}, order.sender.version)
        for number, line in enumerate(lines, start=1)
    ]
