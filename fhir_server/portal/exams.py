"""Exams of one patient: each order, study and report of the record in one line of the timeline. Pure.

A study is the exam; orders and reports join it by reference. An order without a study, and a report without either,
are lines of their own: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fhir_server.portal.moments import UNKNOWN, Moment, read_moment, today
from fhir_server.portal.records import Json, concept_text, custodian_of, reference_id
from fhir_server.portal.words import READABLE, SETTLED, State, modality_words, report_state
from terminology.systems import DICOM_UID, ODS_SITE_CODE

_ENDED = {"revoked": State("Order cancelled", "red"), "entered-in-error": State("Order withdrawn", "red")}
_OID = "urn:oid:"
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ReportLine:
    """A report as its exam shows it."""

    report_id: str
    title: str
    state: State
    issued: str
    readable: bool


@dataclass(frozen=True)
class Exam:
    """`study_id` is the logical id of the ImagingStudy ("" when there is none), `study_uid` its Study Instance UID."""

    key: str
    title: str
    moment: Moment | None
    modalities: tuple[str, ...]
    trust: str
    site: str
    state: State
    planned: bool
    study_id: str = ""
    study_uid: str = ""
    endpoint_ids: tuple[str, ...] = ()
    has_images: bool = False
    reports: tuple[ReportLine, ...] = ()
    reason: str = ""
    extent: str = ""

    @property
    def when(self) -> str:
        return self.moment.words if self.moment else UNKNOWN

    @property
    def year(self) -> str:
        return str(self.moment.local_day.year) if self.moment else UNKNOWN.capitalize()

    @property
    def sort_key(self) -> tuple[datetime, str]:
        return (self.moment.at if self.moment else _EARLIEST, self.key)


@dataclass
class PatientImaging:
    """What the record holds of one patient's imaging, as documents. `encounters` by logical id."""

    orders: list[Json]
    studies: list[Json]
    reports: list[Json]
    encounters: Mapping[str, Json] = field(default_factory=dict)


@dataclass
class _Group:
    """The documents of one exam."""

    study: Json | None = None
    orders: list[Json] = field(default_factory=list)
    reports: list[Json] = field(default_factory=list)

    @property
    def documents(self) -> list[Json]:
        """What may describe the exam, best first."""
        return [*([self.study] if self.study else []), *self.reports, *self.orders]


def make_exams(imaging: PatientImaging) -> list[Exam]:
    """Every exam, newest first."""
    exams = [_make_exam(group, imaging.encounters) for group in _groups(imaging)]
    return sorted(exams, key=lambda exam: exam.sort_key, reverse=True)


def _groups(imaging: PatientImaging) -> list[_Group]:
    orders = {order["id"]: order for order in imaging.orders}
    of_order, of_study = _reports_by(imaging, _order_ids), _reports_by(imaging, _study_ids)
    groups = []
    for study in imaging.studies:
        asked = sorted(_order_ids(study))
        reports = [*of_study.get(study["id"], ()), *(r for o in asked for r in of_order.get(o, ()))]
        unique = list({report["id"]: report for report in reports}.values())
        groups.append(_Group(study, [orders[o] for o in asked if o in orders], unique))
    placed = {order["id"] for group in groups for order in group.orders}
    groups += [_Group(None, [o], of_order.get(o["id"], [])) for o in imaging.orders if o["id"] not in placed]
    shown = {report["id"] for group in groups for report in group.reports}
    return groups + [_Group(None, [], [r]) for r in imaging.reports if r["id"] not in shown]


def _reports_by(imaging: PatientImaging, ids_of: Callable[[Json], set[str]]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for report in imaging.reports:
        for name in ids_of(report):
            found.setdefault(name, []).append(report)
    return found


def _order_ids(document: Json) -> set[str]:
    return {reference_id(r, "ServiceRequest") for r in document.get("basedOn") or ()} - {""}


def _study_ids(report: Json) -> set[str]:
    return {reference_id(r, "ImagingStudy") for r in report.get("imagingStudy") or ()} - {""}


def _make_exam(group: _Group, encounters: Mapping[str, Json]) -> Exam:
    study = group.study or {}
    first = group.documents[0]
    moment, performed = _moment(group)
    reports = tuple(_report_line(r) for r in sorted(group.reports, key=_issued, reverse=True))
    has_images = study.get("status") == "available"
    state = _state(group, moment, has_images)
    return Exam(
        key=f"exam-{first['id']}",
        title=_title(group),
        moment=moment,
        modalities=_modalities(group),
        trust=next((ods for d in group.documents if (ods := custodian_of(d))), ""),
        site=_site(group, encounters),
        state=state,
        planned=not (performed or has_images or group.reports),
        study_id=str(study.get("id", "")),
        study_uid=study_uid(study),
        endpoint_ids=tuple(reference_id(e, "Endpoint") for e in study.get("endpoint") or ()),
        has_images=has_images,
        reports=reports,
        reason=_reason(group),
        extent=_extent(study) if has_images else "",
    )


def study_uid(study: Mapping[str, Any]) -> str:
    """The Study Instance UID, without its prefix; "" when only an accession number names the study."""
    for identifier in study.get("identifier") or ():
        if identifier.get("system") == DICOM_UID:
            return str(identifier.get("value", "")).removeprefix(_OID)
    return ""


def _moment(group: _Group) -> tuple[Moment | None, bool]:
    """When it was done, else when it is planned; and whether it was done."""
    if found := read_moment((group.study or {}).get("started")):
        return found, True
    for report in group.reports:
        done = report.get("effectiveDateTime") or (report.get("effectivePeriod") or {}).get("start")
        if found := read_moment(done) or read_moment(report.get("issued")):
            return found, True
    for order in group.orders:
        planned = order.get("occurrenceDateTime") or (order.get("occurrencePeriod") or {}).get("start")
        if found := read_moment(planned) or read_moment(order.get("authoredOn")):
            return found, False
    return None, False


def _issued(report: Json) -> datetime:
    moment = read_moment(report.get("issued")) or read_moment(report.get("effectiveDateTime"))
    return moment.at if moment else _EARLIEST


def _title(group: _Group) -> str:
    for document in (*group.orders, *group.reports):
        if text := concept_text(document.get("code")):
            return text
    study = group.study or {}
    coded = next((text for c in study.get("procedureCode") or () if (text := concept_text(c))), "")
    return coded or str(study.get("description", "")) or "Imaging"


def _modalities(group: _Group) -> tuple[str, ...]:
    codes = [str(m.get("code")) for m in (group.study or {}).get("modality") or ()]
    if not codes:
        categories = [c for r in group.reports for k in r.get("category") or () for c in k.get("coding") or ()]
        codes = [code for c in categories if (code := _SECTION_MODALITIES.get(str(c.get("code"))))]
    return modality_words(codes)


#: Diagnostic service sections (HL7 table 0074) that name a modality.
_SECTION_MODALITIES = {"CT": "CT", "NMR": "MR", "NMS": "NM", "RUS": "US", "US": "US", "RX": "DX", "CUS": "US"}


def _site(group: _Group, encounters: Mapping[str, Json]) -> str:
    """The ODS site code, else the place in words."""
    for document in group.documents:
        encounter = encounters.get(reference_id(document.get("encounter"), "Encounter"), {})
        for entry in encounter.get("location") or ():
            place = entry.get("location") or {}
            identifier = place.get("identifier") or {}
            if identifier.get("system") == ODS_SITE_CODE:
                return str(identifier.get("value", ""))
            if place.get("display"):
                return str(place["display"])
    return ""


def _report_line(report: Json) -> ReportLine:
    issued = read_moment(report.get("issued"))
    return ReportLine(
        str(report["id"]),
        concept_text(report.get("code")) or "Imaging report",
        report_state(report.get("status")),
        issued.words if issued else "",
        report.get("status") in READABLE,
    )


def _state(group: _Group, moment: Moment | None, has_images: bool) -> State:
    """Of several reports the most settled speaks for the exam."""
    reported = [str(r.get("status")) for r in group.reports]
    for wanted in (SETTLED, READABLE, set(reported)):
        if found := next((status for status in reported if status in wanted), None):
            return report_state(found)
    if has_images:
        return _unreported(moment)
    for order in group.orders:
        if ended := _ENDED.get(str(order.get("status"))):
            return ended
    if (group.study or {}).get("status") in ("cancelled", "entered-in-error"):
        return State("Study cancelled", "red")
    if any(order.get("status") == "completed" for order in group.orders):
        return State("Done, no images or report here yet", "yellow")
    return State("Ordered", "blue")


def _unreported(moment: Moment | None) -> State:
    days = (today() - moment.local_day).days if moment else -1
    if days < 0:
        return State("Images arrived, not reported", "orange")
    if days == 0:
        return State("Images arrived today, not reported yet", "orange")
    return State(f"Unreported for {days} {'day' if days == 1 else 'days'}", "orange")


def _reason(group: _Group) -> str:
    """Why it was asked for, in the referrer's words."""
    for order in group.orders:
        coded = [text for c in order.get("reasonCode") or () if (text := concept_text(c))]
        notes = [str(n.get("text", "")) for n in order.get("note") or ()]
        if text := next((t for t in (*notes, *coded) if t), ""):
            return text
    return ""


def _extent(study: Json) -> str:
    series, images = study.get("numberOfSeries"), study.get("numberOfInstances")
    parts = [f"{n} {word}" for n, word in ((series, "series"), (images, "image" if images == 1 else "images")) if n]
    return ", ".join(parts)
