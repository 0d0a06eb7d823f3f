"""ORU^R01: imaging reports (HL7 v2.5.1 chapter 7.3.1; HL7 UK A.3; IHE Radiology RAD-28 and RAD-128).

One attendance with three exams and one report comes as three messages, as one message with the text under the last OBR,
or split; all share a filler number. So OBRs of one filler number with one text are one report of several orders.
"""

from __future__ import annotations

from hl7.fragments import BusinessKey, IdentityEvent, Unmappable
from hl7.message import Message
from hl7.messages.orders import groups_of, map_subject
from hl7.order_groups import order_groups, patient_parts
from hl7.reading import Reading, find_value
from hl7.segments.obr_diagnosticreport import (
    ReportedGroup,
    obr_diagnosticreport,
    report_status,
    report_time,
)
from hl7.segments.obx_observation import obx_observation
from hl7.segments.obx_report import ReportBody, read_report_body
from hl7.segments.orc_servicerequest import orc_servicerequest
from hl7.segments.orc_task import orc_task
from hl7.segments.order_line import OrderLine, read_order_line
from hl7.segments.order_state import order_state
from hl7.segments.zds_imagingstudy import study_uids_by_accession, zds_imagingstudies
from hl7.tables.results import FINAL_RANK, REPORT_RANKS

_READ = frozenset({"final", "amended", "corrected", "appended"})


def map_oru_r01(reading: Reading) -> list[IdentityEvent]:
    """Every report of the message with its orders, studies and work items; a second PID begins another patient's."""
    message, first = reading.message, None
    parts = patient_parts(message.segments)
    if not all(order_groups(part) for part in parts):
        parts = [message.segments]
    for part in parts:
        reading.message = Message(message.header, part, message.charset, list(message.warnings))
        reading.encounter = None
        _map_patient(reading)
        first = first or reading.patient
    reading.message, reading.patient = message, first
    return []


def _map_patient(reading: Reading) -> None:
    map_subject(reading)
    lines = [read_order_line(group, reading) for group in groups_of(reading)]
    uids = study_uids_by_accession(lines)
    for report in _reports(lines, reading):
        _map_report(report, uids, reading)


def _reports(lines: list[OrderLine], reading: Reading) -> list[ReportedGroup]:
    """The lines by report key, and each group apart where its texts differ."""
    groups: dict[str, list[OrderLine]] = {}
    for line in lines:
        groups.setdefault(_report_key(line, reading), []).append(line)
    return [report for key, group in groups.items() for report in _split(key, group, reading)]


def _report_key(line: OrderLine, reading: Reading) -> str:
    value, _ = find_value(line.group.segments(), reading.profile.report_key)
    if not value:
        raise Unmappable("no-report-identifier", "a result has no number that the report could be known by", "OBR-3")
    return f"{value}^{_code(line)}" if reading.profile.report_per_code else value


def _code(line: OrderLine) -> str:
    return line.group.obr.get(4) if line.group.obr else ""


def _split(key: str, lines: list[OrderLine], reading: Reading) -> list[ReportedGroup]:
    """One report, or one for each text when the OBRs of a filler number bear different texts and codes."""
    bodies = {id(line): read_report_body(line.group.obxs, reading) for line in lines}
    bearing = [line for line in lines if bodies[id(line)]]
    texts = {bodies[id(line)].text for line in bearing}
    codes = {_code(line) for line in bearing}
    if len(texts) < 2 or len(codes) < len(texts):
        return [_group(key, lines, bearing, bodies, reading)]
    reading.warn("OBR-3", "several-reports", "different reports share a filler number; each is kept under its code")
    silent = [line for line in lines if line not in bearing]
    separate = [_group(f"{key}^{_code(line)}", [line], [line], bodies, reading) for line in bearing]
    return separate + [_group(f"{key}^{_code(line)}", [line], [], bodies, reading) for line in silent]


def _group(
    key: str,
    lines: list[OrderLine],
    bearing: list[OrderLine],
    bodies: dict[int, ReportBody],
    reading: Reading,
) -> ReportedGroup:
    main = bearing[-1] if bearing else lines[-1]
    # The least settled OBR decides: a report is never shown as final for one exam's sake.
    status = min((report_status(line, reading) for line in bearing or lines), key=REPORT_RANKS.__getitem__)
    found = [bodies[id(line)] for line in lines]
    texts = {body.text: body.lines for body in found if body.lines}
    documents = {document["data"]: document for body in found for document in body.documents}
    observations = tuple(obx for body in found for obx in body.observations)
    body = ReportBody(
        tuple(line for group in texts.values() for line in group), tuple(documents.values()), observations
    )
    return ReportedGroup(
        BusinessKey("DiagnosticReport", reading.profile.system("report"), key), tuple(lines), main, body, status
    )


def _map_report(report: ReportedGroup, uids: dict[str, tuple[str, ...]], reading: Reading) -> None:
    when, _ = report_time(report.main, reading)
    orders: list[BusinessKey] = []
    studies: list[BusinessKey] = []
    for line in report.lines:
        # A report does not speak for cancelled orders, and a cancelled report does not cancel its order.
        request = "completed" if report.status in _READ else order_state(line.group.orc, reading).request
        if order := orc_servicerequest(line, reading, when, request or "active"):
            orders.append(order)
        found = line.study_uids or uids.get(line.accession, ())
        studies += [key for key in zds_imagingstudies(line, found, reading, when) if key not in studies]
    key = obr_diagnosticreport(report, orders, studies, reading)
    results = [obx_observation(obx, key, reading, when) for obx in report.body.observations]
    _link_results(key, [result for result in results if result], reading)
    for line in report.lines:
        orc_task(line, reading, when, _task_status(report.status), _output(key) if report.status in _READ else None)


def _task_status(status: str) -> str | None:
    """The work item is done when the report is final; a cancelled report leaves it as it stands."""
    if status in _READ:
        return "completed"
    return "in-progress" if 0 < REPORT_RANKS[status] < FINAL_RANK else None


def _output(report: BusinessKey) -> dict[str, object]:
    return {"output": [{"type": {"text": "report"}, "valueReference": report.reference()}]}


def _link_results(report: BusinessKey, results: list[BusinessKey], reading: Reading) -> None:
    if results:
        fragment = reading.fragments[report]
        fragment.content["result"] = [key.reference() for key in results]
        fragment.sources["result"] = "OBX"
