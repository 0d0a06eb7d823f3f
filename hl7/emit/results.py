"""ORU^R01 imaging results: one OBX for every line of the report (HL7 v2.4 chapter 7; IHE RAD-28)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from hl7.emit.er7 import Sender, cnn, make_control_id, msh, now, segment, serialise, timestamp, xcn
from hl7.emit.orders import obr
from hl7.emit.parties import NOW, Exam, Occasion, Person, Report, Visit
from hl7.emit.patient import pd1, pid, pv1
from hl7.escapes import escape

_ORDER_STATUS = {"F": "CM", "C": "CM", "X": "CA", "P": "IP"}


def make_oru(
    sender: Sender,
    person: Person,
    exams: Sequence[Exam],
    report: Report,
    visit: Visit | None = None,
    occasion: Occasion = NOW,
) -> bytes:
    """ORU^R01: an ORC and OBR for each exam, the report's lines under the last of them."""
    moment = occasion.when or now()
    segments = [
        msh(sender, "ORU^R01^ORU_R01", occasion.control_id or make_control_id(), moment),
        pid(sender, person),
        pd1(sender, person),
        pv1(sender, visit),
    ]
    for exam in exams:
        segments += [_orc(sender, exam, report, moment), obr(sender, exam, _result_fields(report, moment))]
    segments += _observations(sender, exams, report)
    return serialise(segments, sender)


def _orc(sender: Sender, exam: Exam, report: Report, moment: datetime) -> str:
    fields = {
        1: "SC",
        2: escape(exam.placer),
        3: escape(exam.filler or exam.accession),
        5: _ORDER_STATUS.get(report.status, ""),
        7: f"1^^^^^{exam.priority}",
        9: timestamp(moment),
        12: xcn(exam.requester),
    }
    return segment("ORC", fields, sender.version)


def _result_fields(report: Report, moment: datetime) -> dict[int, str]:
    return {
        22: timestamp(report.reported_at or moment),
        25: report.status,
        32: cnn(report.reporter),
        33: cnn(report.second_reporter),
        34: cnn(report.radiographer),
    }


def _observations(sender: Sender, exams: Sequence[Exam], report: Report) -> list[str]:
    """NTE with the radiographer's comment, then the lines (by section if there is an impression), UIDs, the PDF."""
    body = "&GDT" if report.impression else ""
    rows = [("TX", _code(exams[-1], body), escape(line)) for line in report.lines]
    rows += [("TX", _code(exams[-1], "&IMP"), escape(line)) for line in report.impression]
    uids = dict.fromkeys(exam.study_uid for exam in exams if exam.study_uid)
    rows += [("HD", "113014^DICOM Study^DCM", uid) for uid in uids]
    if report.pdf:
        encoded = base64.b64encode(report.pdf).decode("ascii")
        source = escape(sender.application)
        rows.append(("ED", _code(exams[-1], ""), f"{source}^application^PDF^Base64^{encoded}"))
    note = segment("NTE", {1: "1", 3: escape(report.comment)}, sender.version) if report.comment else ""
    return [note, *(_obx(sender, report, number, row) for number, row in enumerate(rows, 1))]


def _code(exam: Exam, suffix: str) -> str:
    return f"{escape(exam.code)}{suffix}^{escape(exam.name)}^{escape(exam.code_system)}"


def _obx(sender: Sender, report: Report, number: int, row: tuple[str, str, str]) -> str:
    kind, code, value = row
    fields = {1: str(number), 2: kind, 3: code, 4: "1", 5: value, 11: report.status}
    if report.critical:
        fields[8] = "AA"
    return segment("OBX", fields, sender.version)
