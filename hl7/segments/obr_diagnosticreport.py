"""OBR -> DiagnosticReport: one report of a filler group, however often it is sent (HL7 v2.5.1 chapter 7.4.1).

Addenda and corrections keep the key and rank above what they correct.
https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-obr-to-diagnosticreport.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hl7.datatypes import parse_uid
from hl7.fragments import BusinessKey, Fragment, Unmappable
from hl7.reading import Reading
from hl7.segments.ce_codeableconcept import codeable_concept, exam_code_system
from hl7.segments.cx_identifier import typed_identifier
from hl7.segments.nte_annotation import note_text
from hl7.segments.obx_report import ReportBody, impression, text_attachment
from hl7.segments.order_line import OrderLine
from hl7.segments.pd1_patient import trust_reference
from hl7.segments.xcn_practitioner import ndl_practitioners
from hl7.tables.imaging import DOCUMENT_UID_WORDS, IMAGING_SECTIONS
from hl7.tables.results import (
    CRITICAL_FLAGS,
    QUERY_ONLY_RESULT_STATUSES,
    REPORT_RANKS,
    REPORT_STATUS_OF_LINES,
    REPORT_STATUS_OF_ORDER,
    RESULT_STATUSES,
)
from hl7.view import Segment
from terminology.systems import (
    DICOM_UID,
    V2_0074_DIAGNOSTIC_SERVICE,
    V3_OBSERVATION_INTERPRETATION,
    V3_PARTICIPATION_TYPE,
)

_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"


@dataclass(frozen=True)
class ReportedGroup:
    """The order lines that one report answers, the first OBR that bears it, and what it says."""

    key: BusinessKey
    lines: tuple[OrderLine, ...]
    main: OrderLine
    body: ReportBody
    status: str


def report_status(line: OrderLine, reading: Reading) -> str:
    """OBR-25, else what the OBX say of themselves, else ORC-5, else unknown.

    Raises Unmappable for the codes that only answer queries.
    """
    word = line.group.obr.get(25) if line.group.obr else ""
    code = reading.profile.report_status_words.get(word, word.upper())
    if code in QUERY_ONLY_RESULT_STATUSES:
        raise Unmappable("enquiry-only-status", "OBR-25 holds a code that must not arrive unsolicited", "OBR-25")
    if code in RESULT_STATUSES:
        if code == "M":
            reading.warn("OBR-25", "corrected-not-final", "a corrected result that is not final is held as preliminary")
        return RESULT_STATUSES[code]
    problem = "no result status" if not code else "a result status that no table knows"
    derived = _status_of_lines(line.group.obxs) or _status_of_order(line, reading)
    reading.warn("OBR-25", "result-status", f"{problem}; taken from {'OBX-11 or ORC-5' if derived else 'nowhere'}")
    return derived or "unknown"


def _status_of_lines(obxs: Sequence[Segment]) -> str:
    """The least settled of the lines: a report is never shown as final for one line's sake."""
    found = [status for obx in obxs if (status := REPORT_STATUS_OF_LINES.get(obx.get(11).upper()))]
    return min(found, key=REPORT_RANKS.__getitem__, default="")


def _status_of_order(line: OrderLine, reading: Reading) -> str:
    word = line.group.orc.get(5) if line.group.orc else ""
    return REPORT_STATUS_OF_ORDER.get(reading.profile.order_status_words.get(word, word.upper()), "")


def report_time(line: OrderLine, reading: Reading) -> tuple[datetime, str | None]:
    """When the report was made, to rank versions by (UTC), and as FHIR `instant`: OBR-22, by profile OBR-7."""
    obr = line.group.obr
    number = 7 if reading.profile.report_date_in_obr_7 else 22
    moment = reading.moment(obr, number) if obr else None
    return (moment.utc, moment.instant()) if moment else (reading.message_time, None)


def obr_diagnosticreport(
    report: ReportedGroup, orders: Sequence[BusinessKey], studies: Sequence[BusinessKey], reading: Reading
) -> BusinessKey:
    """Adds the report and gives its key."""
    when, issued = report_time(report.main, reading)
    content, sources = _content(report, reading)
    if issued:
        content["issued"], sources["issued"] = issued, "OBR-22"
    if orders:
        content["basedOn"], sources["basedOn"] = [key.reference() for key in orders], "ORC-3"
    if studies:
        content["imagingStudy"], sources["imagingStudy"] = [key.reference() for key in studies], "OBR-18, OBX-5"
    rank = REPORT_RANKS[report.status]
    added = ("identifier", "basedOn", "imagingStudy")
    lines = report.body.lines if reading.profile.report_merge == "line-merge" else ()
    reading.add(Fragment(report.key, content, when, rank, sources=sources, accumulates=added, report_lines=lines))
    return report.key


def _content(report: ReportedGroup, reading: Reading) -> tuple[dict[str, Any], dict[str, str]]:
    assert reading.patient is not None  # noqa: S101 - messages map PID first
    content: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "identifier": _identifiers(report, reading),
        "status": report.status,
        "category": _categories(report.main),
        "code": {"text": "Imaging report"},
        "subject": reading.patient.reference(),
    }
    sources = {"identifier": "OBR-3", "status": "OBR-25", "category": "OBR-24", "code": "OBR-4", "subject": "PID-3"}
    if reading.encounter:
        content["encounter"], sources["encounter"] = reading.encounter.reference(), "PV1-19"
    if obr := report.main.group.obr:
        _from_obr(content, sources, obr, reading)
    _body(content, sources, report, reading)
    return content, sources


def _identifiers(report: ReportedGroup, reading: Reading) -> list[dict[str, Any]]:
    found = [{"system": report.key.system, "value": report.key.value}]
    for line in report.lines:
        for code, kind, value in (("FILL", "filler-order", line.filler), ("ACSN", "accession", line.accession)):
            identifier = typed_identifier(code, reading.profile.system(kind), value)
            if value and identifier not in found:
                found.append(identifier)
        found += [i for i in _documents_of_dicom(line.group.obxs) if i not in found]
    return found


def _documents_of_dicom(obxs: Sequence[Segment]) -> list[dict[str, Any]]:
    """The structured report (DICOM SR) that holds the same report, where an OBX names its SOP Instance UID."""
    uids = [parse_uid(obx.get(5)) for obx in obxs if obx.get(3, 2).upper() in DOCUMENT_UID_WORDS]
    return [{"system": DICOM_UID, "value": f"urn:oid:{uid}"} for uid in uids if uid]


def _categories(line: OrderLine) -> list[dict[str, Any]]:
    """Radiology always; the section of OBR-24 too when table 0074 has it."""
    section = line.group.obr.get(24).upper() if line.group.obr else ""
    codes = dict.fromkeys(["RAD", section] if section in IMAGING_SECTIONS else ["RAD"])
    return [{"coding": [{"system": V2_0074_DIAGNOSTIC_SERVICE, "code": code}]} for code in codes]


def _from_obr(content: dict[str, Any], sources: dict[str, str], obr: Segment, reading: Reading) -> None:
    if code := codeable_concept(obr.field(4).rep(0), reading, exam_code_system(reading)):
        content["code"] = code
    _effective(content, sources, obr, reading)
    interpreters = [
        _with_function(person, function)
        for number, function in ((32, "PPRF"), (33, "SPRF"))
        for person in ndl_practitioners(obr.field(number), f"OBR-{number}", reading)
    ]
    if interpreters:
        content["resultsInterpreter"], sources["resultsInterpreter"] = interpreters, "OBR-32, OBR-33"
    operators = [_with_function(person, "SPRF") for person in ndl_practitioners(obr.field(34), "OBR-34", reading)]
    content["performer"], sources["performer"] = [trust_reference(reading), *operators], "OBR-34"


def _effective(content: dict[str, Any], sources: dict[str, str], obr: Segment, reading: Reading) -> None:
    """effective[x] is one element: what is set clears the other form."""
    start = None if reading.profile.report_date_in_obr_7 else reading.moment(obr, 7)
    end = reading.moment(obr, 8)
    if start is None:
        return
    if end and end.utc > start.utc:
        content["effectivePeriod"] = {"start": start.fhir, "end": end.fhir}
        content["effectiveDateTime"] = None
    else:
        content["effectiveDateTime"], content["effectivePeriod"] = start.fhir, None
    sources["effective"] = "OBR-7, OBR-8"


def _with_function(person: dict[str, Any], function: str) -> dict[str, Any]:
    concept = {"coding": [{"system": V3_PARTICIPATION_TYPE, "code": function}]}
    return {"extension": [{"url": _FUNCTION, "valueCodeableConcept": concept}], **person}


def _body(content: dict[str, Any], sources: dict[str, str], report: ReportedGroup, reading: Reading) -> None:
    """Text and documents. A text replaces the older one whole: no conclusion of a former version may survive it."""
    body = report.body
    # Older systems put the whole text into NTE.
    notes = [note for line in report.lines for note in line.group.notes] if not body.lines else []
    comments = note_text(notes + [note for line in report.lines for note in line.group.result_notes])
    text = "\n\n".join(part for part in (body.text, comments) if part.strip())
    attachments = ([text_attachment(text)] if text else []) + list(body.documents)
    if attachments:
        content["presentedForm"], sources["presentedForm"] = attachments, "OBX-5"
    if text:
        content["conclusion"], sources["conclusion"] = impression(body.lines) or None, "OBX-5"
    flags = [rep.get(1).upper() for line in report.lines for obx in line.group.obxs for rep in obx.field(8).reps()]
    if any(flag in CRITICAL_FLAGS for flag in flags):
        coding = {"system": V3_OBSERVATION_INTERPRETATION, "code": "AA", "display": "Critical abnormal"}
        content["conclusionCode"], sources["conclusionCode"] = [{"coding": [coding]}], "OBX-8"
