"""Orders: what ORM^O01, OMG^O19 and OMI^O23 have in common (HL7 v2.5.1 chapter 4; IHE Radiology RAD-4).

Each order line is a ServiceRequest, its reporting work item a Task, its announced study an ImagingStudy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hl7.fragments import BusinessKey, IdentityEvent, Unmappable
from hl7.message import Message
from hl7.messages.adt import patient_segments
from hl7.order_groups import OrderGroup, order_groups, patient_parts
from hl7.reading import Reading
from hl7.segments.obx_observation import obx_observation
from hl7.segments.obx_report import NEVER_TEXT
from hl7.segments.orc_servicerequest import orc_servicerequest, order_time
from hl7.segments.orc_task import orc_task
from hl7.segments.order_line import OrderLine, is_study_uid, read_order_line
from hl7.segments.order_state import order_state
from hl7.segments.pid_patient import pid_patient
from hl7.segments.pv1_encounter import pv1_encounter
from hl7.segments.zds_imagingstudy import study_uids_by_accession, zds_imagingstudies


def map_order(reading: Reading) -> list[IdentityEvent]:
    """Every order line of the message. Raises Unmappable when there is none, or one without a number."""
    _leave_prior_results(reading)
    map_subject(reading)
    lines = [read_order_line(group, reading) for group in groups_of(reading)]
    if any(line.key is None for line in lines):
        raise Unmappable("no-order-identifier", "an order has neither placer, filler nor accession number", "ORC-3")
    uids = study_uids_by_accession(lines)
    for line in lines:
        _map_line(line, line.study_uids or uids.get(line.accession, ()), reading)
    return []


def _leave_prior_results(reading: Reading) -> None:
    """A second PID begins prior results of the patient, or of the mother (OMG, OMI): no orders, and not to be filed."""
    message = reading.message
    parts = patient_parts(message.segments)
    if len(parts) > 1 and order_groups(parts[0]):
        reading.warn("PID", "prior-results", "results that an order brings along were left with the message")
        reading.message = Message(message.header, parts[0], message.charset, list(message.warnings))


def map_subject(reading: Reading) -> None:
    """PID and PV1 of an order or result: they mention the person and the visit and change neither."""
    pid, pd1 = patient_segments(reading)
    reading.patient = pid_patient(pid, pd1, reading, reading.message_time, master=False)
    pv1 = reading.message.first("PV1")
    if pv1:
        reading.encounter = pv1_encounter(pv1, reading, reading.message_time, None)


def groups_of(reading: Reading) -> Sequence[OrderGroup]:
    groups = order_groups(reading.message.segments)
    if not groups:
        raise Unmappable("no-order-segment", "the message has neither ORC nor OBR", "ORC")
    return groups


def _map_line(line: OrderLine, uids: tuple[str, ...], reading: Reading) -> None:
    when = order_time(line, reading)
    state = order_state(line.group.orc, reading)
    order = orc_servicerequest(line, reading, when, state.request)
    if order:
        _add_supporting_info(order, line, reading, when)
    detail = {"businessStatus": {"text": state.business_status}} if state.business_status else {}
    orc_task(line, reading, when, state.task, detail)
    cancelled = state.request in ("revoked", "entered-in-error")
    zds_imagingstudies(line, uids, reading, when, cancelled=cancelled)


def _add_supporting_info(order: BusinessKey, line: OrderLine, reading: Reading, when: datetime) -> None:
    """OBX of an order (weight, creatinine, questions answered) are observations that support it."""
    told = [obx for obx in line.group.obxs if not is_study_uid(obx) and obx.get(2).upper() not in NEVER_TEXT]
    found = [obx_observation(obx, order, reading, when) for obx in told]
    references = [key.reference() for key in found if key]
    if references:
        fragment = reading.fragments[order]
        fragment.content["supportingInfo"] = references
        fragment.sources["supportingInfo"] = "OBX"
