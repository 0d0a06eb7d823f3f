"""A report's page: its text, its history, its documents, and the images that it is about."""

from __future__ import annotations

from flask import Response, request

from fhir_server.access.declare import Audience, open_to
from fhir_server.api.responses import current_exchange
from fhir_server.errors import NotFound
from fhir_server.fhir.documents import decode
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.read import read
from fhir_server.interactions.vread import vread
from fhir_server.portal.exams import PatientImaging, make_exams
from fhir_server.portal.moments import read_moment
from fhir_server.portal.pages import render
from fhir_server.portal.people import Person, make_person
from fhir_server.portal.records import Json, concept_text, custodian_of, find_all, reference_id, trust_names
from fhir_server.portal.report_history import make_versions, reporters_of
from fhir_server.portal.report_text import documents_of, keeps_columns, report_text, sections_of
from fhir_server.portal.timeline import Line, make_lines
from fhir_server.portal.words import READABLE, report_state

_VERSIONS_MAX = 50
_DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'"


@open_to(Audience.USER, page="patients")
def report_page(report_id: str) -> Response:
    """GET /reports/<id>, with `version` for an older one."""
    exchange = current_exchange()
    exchange.interaction = "portal-page"
    current: Json = decode(read(exchange, "DiagnosticReport", report_id).body or b"{}")
    shown = _asked_version(exchange, report_id) or current
    history = history_instance(
        exchange, "DiagnosticReport", report_id, count=_VERSIONS_MAX, since=None, below_version=None
    )
    trusts = trust_names()
    text = report_text(shown)
    columns = keeps_columns(text)
    issued = read_moment(shown.get("issued"))
    return render(
        "report.jinja",
        person=_person(exchange, shown, trusts),
        report_id=report_id,
        name=concept_text(shown.get("code")) or "Imaging report",
        state=report_state(shown.get("status")),
        readable=shown.get("status") in READABLE,
        number=shown["meta"]["versionId"],
        is_current=shown["meta"]["versionId"] == current["meta"]["versionId"],
        issued=issued.words if issued else "not stated",
        reporters=reporters_of(shown) or "not stated",
        trust=trusts.get(custodian_of(shown), custodian_of(shown)),
        text=text if columns else "",
        sections=[] if columns else sections_of(text),
        documents=documents_of(shown),
        versions=make_versions(exchange, history.versions),
        more_versions=history.next_below is not None,
        lines=_studies(exchange, current, trusts),
    )


def _asked_version(exchange: Exchange, report_id: str) -> Json | None:
    asked = request.args.get("version")
    if asked is None:
        return None
    found: Json = decode(vread(exchange, "DiagnosticReport", report_id, asked).body or b"{}")
    return found


def _person(exchange: Exchange, report: Json, trusts: dict[str, str]) -> Person | None:
    patient_id = reference_id(report.get("subject"), "Patient")
    if not patient_id:
        return None
    return make_person(decode(read(exchange, "Patient", patient_id).body or b"{}"), trusts)


def _studies(exchange: Exchange, report: Json, trusts: dict[str, str]) -> list[Line]:
    """The studies of the exams that the report answers: those it names, and the others of its orders."""
    named = [i for r in report.get("imagingStudy") or () if (i := reference_id(r, "ImagingStudy"))]
    orders = [i for r in report.get("basedOn") or () if (i := reference_id(r, "ServiceRequest"))]
    found: list[Json] = []
    if named:
        found += find_all(exchange, "ImagingStudy", [("_id", ",".join(named))])[0]
    if orders:
        wanted = ",".join(f"ServiceRequest/{order}" for order in orders)
        found += find_all(exchange, "ImagingStudy", [("basedon", wanted)])[0]
    studies = list({study["id"]: study for study in found}.values())
    exams = make_exams(PatientImaging([], studies, [report]))
    return make_lines(exchange, [exam for exam in exams if exam.study_id], trusts)


@open_to(Audience.USER, page="patients")
def report_document(report_id: str, number: int) -> Response:
    """GET /reports/<id>/attachments/<n>: one document of the version that `version` names, else of the current one."""
    exchange = current_exchange()
    exchange.interaction = "portal-page"
    report = _asked_version(exchange, report_id)
    if report is None:
        report = decode(read(exchange, "DiagnosticReport", report_id).body or b"{}")
    document = next((d for d in documents_of(report) if d.number == number), None)
    if document is None or document.content is None:
        raise NotFound("The report has no such document.")
    media_type = document.media_type if document.shows_inline else "application/octet-stream"
    response = Response(document.content, content_type=media_type)
    ending = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}.get(media_type, "")
    place = "inline" if document.shows_inline else "attachment"
    response.headers["Content-Disposition"] = f'{place}; filename="report-{number}{ending}"'
    response.headers["Content-Security-Policy"] = _DOCUMENT_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response
