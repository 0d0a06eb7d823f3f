"""ORC and OBR -> ServiceRequest: one order line (HL7 v2.5.1 chapter 4.5.1 and 4.5.3; UK Core ServiceRequest).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-orc-to-servicerequest.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hl7.datatypes import Moment
from hl7.fragments import BusinessKey, Fragment
from hl7.order_groups import notes_before_orders
from hl7.reading import Reading
from hl7.segments.ce_codeableconcept import codeable_concept, exam_code_system
from hl7.segments.nte_annotation import note_text
from hl7.segments.order_line import OrderLine
from hl7.segments.pd1_patient import trust_reference
from hl7.segments.xcn_practitioner import xcn_practitioner
from hl7.tables.orders import PRIORITIES, REQUEST_RANKS, TIMING_CRITICAL_PREFIXES
from hl7.view import Segment
from terminology.systems import SNOMED_CT

IMAGING = {"coding": [{"system": SNOMED_CT, "code": "363679005", "display": "Imaging"}]}


def order_time(line: OrderLine, reading: Reading) -> datetime:
    """When the order event took place: ORC-9, else the message's time."""
    moment = reading.moment(line.group.orc, 9) if line.group.orc else None
    return moment.utc if moment else reading.message_time


def orc_servicerequest(line: OrderLine, reading: Reading, when: datetime, status: str | None) -> BusinessKey | None:
    """Adds the order line and gives its key. A status of None leaves the order as it stands (XO and its kin)."""
    if line.key is None:
        return None
    content, sources = _content(line, reading)
    rank = REQUEST_RANKS["active"] if status is None else REQUEST_RANKS[status]
    if status is not None:
        content["status"], sources["status"] = status, "ORC-5, ORC-1"
    added = ("identifier", "note")
    reading.add(Fragment(line.key, content, when, rank, aliases=line.aliases, sources=sources, accumulates=added))
    return line.key


def _content(line: OrderLine, reading: Reading) -> tuple[dict[str, Any], dict[str, str]]:
    assert reading.patient is not None  # noqa: S101 - messages map PID first
    content: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "identifier": line.identifiers(reading),
        "intent": "order",
        "category": [IMAGING],
        "subject": reading.patient.reference(),
        "performer": [trust_reference(reading)],
    }
    sources = {"identifier": f"ORC-2, ORC-3, {line.accession_from or 'OBR-18'}", "subject": "PID-3"}
    if reading.encounter:
        content["encounter"], sources["encounter"] = reading.encounter.reference(), "PV1-19"
    if line.group.orc:
        _from_orc(content, sources, line.group.orc, reading)
    if line.group.obr:
        _from_obr(content, sources, line.group.obr, reading)
    if priority := _priority(line, reading):
        content["priority"], sources["priority"] = priority
    if moment := _occurrence(line, reading):
        content["occurrenceDateTime"], sources["occurrenceDateTime"] = (
            moment.fhir,
            "TQ1-7, ORC-7, OBR-27, OBR-36, OBR-6",
        )
    if notes := _notes(line, reading):
        content["note"], sources["note"] = notes, "OBR-13, NTE-3"
    return content, sources


def _from_orc(content: dict[str, Any], sources: dict[str, str], orc: Segment, reading: Reading) -> None:
    if orc.get(1).upper() == "NW" and (moment := reading.moment(orc, 9)):
        content["authoredOn"], sources["authoredOn"] = moment.fhir, "ORC-9"
    if requester := xcn_practitioner(orc.field(12), "ORC-12", reading):
        content["requester"], sources["requester"] = requester, "ORC-12"
    if group := orc.get(4):
        content["requisition"] = {"system": reading.profile.system("requisition"), "value": group}
        sources["requisition"] = "ORC-4"


def _from_obr(content: dict[str, Any], sources: dict[str, str], obr: Segment, reading: Reading) -> None:
    if code := codeable_concept(obr.field(4).rep(0), reading, exam_code_system(reading)):
        content["code"], sources["code"] = code, "OBR-4"
    if "requester" not in content and (requester := xcn_practitioner(obr.field(16), "OBR-16", reading)):
        content["requester"], sources["requester"] = requester, "OBR-16"
    reasons = [concept for rep in obr.field(31).reps() if (concept := codeable_concept(rep, reading))]
    if reasons:
        content["reasonCode"], sources["reasonCode"] = reasons, "OBR-31"


def _notes(line: OrderLine, reading: Reading) -> list[dict[str, str]]:
    """The clinical information (OBR-13, the reason that referrers write), the order's notes and those about the person.

    Notes behind an OBX are the order's too; in a result they are comments of the report.
    """
    obr = line.group.obr
    clinical = "\n".join(rep.value for rep in obr.field(13).reps()).strip() if obr else ""
    general = note_text(notes_before_orders(reading.message.segments))
    behind = "" if reading.message.header.message_type == "ORU" else note_text(line.group.result_notes)
    texts = (clinical, note_text(line.group.notes), behind, general)
    return [{"text": text} for text in dict.fromkeys(texts) if text]


def _priority(line: OrderLine, reading: Reading) -> tuple[str, str] | None:
    """The first place that says one: TQ1-9, ORC-7.6, OBR-27.6, OBR-5."""
    places = (("TQ1", 9, 1), ("ORC", 7, 6), ("OBR", 27, 6), ("OBR", 5, 1))
    segments = line.group.segments()
    for name, number, component in places:
        segment = segments.get(name)
        word = segment.get(number, component) if segment else ""
        if not word:
            continue
        location = f"{name}-{number}"
        priority = reading.profile.priority_words.get(word) or PRIORITIES.get(word.upper())
        if priority is None and word.upper().startswith(TIMING_CRITICAL_PREFIXES):
            priority = "urgent"
        if priority is None:
            reading.warn(location, "unknown-code", "a priority that no table knows was left out")
            return None
        return priority, location
    return None


def _occurrence(line: OrderLine, reading: Reading) -> Moment | None:
    """When it shall be done: scheduled (TQ1-7, ORC-7.4, OBR-27.4, OBR-36), else requested (OBR-6)."""
    segments = line.group.segments()
    for name, number, component in (("TQ1", 7, 1), ("ORC", 7, 4), ("OBR", 27, 4), ("OBR", 36, 1), ("OBR", 6, 1)):
        segment = segments.get(name)
        if segment and (moment := reading.moment(segment, number, component)):
            return moment
    return None
