"""A patient's page: who it is, and every order, study and report of all trusts, newest first, grouped by year."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.access.declare import Audience, open_to
from fhir_server.api.responses import current_exchange
from fhir_server.fhir.documents import decode
from fhir_server.imaging.availability import Availability
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.read import read
from fhir_server.portal.drawing import make_drawing
from fhir_server.portal.exams import Exam, PatientImaging, make_exams
from fhir_server.portal.pages import render
from fhir_server.portal.people import Person, make_person, nhs_number, replaced_by
from fhir_server.portal.records import Json, find_all, trust_names
from fhir_server.portal.services import portal_services
from fhir_server.portal.sources import silent_sources
from terminology.systems import NHS_NUMBER, ODS_SITE_CODE

_PAGE = 50
_FILTERS: dict[str, Callable[[Exam], Sequence[str]]] = {
    "modality": lambda exam: exam.modalities,
    "trust": lambda exam: (exam.trust,),
    "year": lambda exam: (exam.year,),
}


@dataclass(frozen=True)
class Line:
    """An exam with what only this moment knows: its trust's and site's names, and whether its images open."""

    exam: Exam
    trust: str
    site: str
    images: Availability | None


@open_to(Audience.USER, page="patients")
def patient_page(patient_id: str) -> AnyResponse:
    """GET /patients/<id>."""
    exchange = current_exchange()
    exchange.interaction = "portal-page"
    patient: Json = decode(read(exchange, "Patient", patient_id).body or b"{}")
    others = replaced_by(patient)
    if len(others) == 1 and others[0] != patient_id:
        return redirect(f"/patients/{others[0]}?merged", 303)
    imaging, complete = _gather(exchange, patient_id)
    return _page(exchange, patient, make_exams(imaging), complete)


def _gather(exchange: Exchange, patient_id: str) -> tuple[PatientImaging, bool]:
    """Four searches of bounded pages, whatever the patient has."""
    about = [("patient", patient_id)]
    orders, all_orders = find_all(exchange, "ServiceRequest", about)
    studies, all_studies = find_all(exchange, "ImagingStudy", about)
    reports, all_reports = find_all(exchange, "DiagnosticReport", about)
    encounters, _ = find_all(exchange, "Encounter", about)
    visits = {encounter["id"]: encounter for encounter in encounters}
    return PatientImaging(orders, studies, reports, visits), all_orders and all_studies and all_reports


def _page(exchange: Exchange, patient: Json, exams: list[Exam], complete: bool) -> Response:
    trusts = trust_names()
    chosen = {name: request.args.get(name, "") for name in _FILTERS}
    matching = [exam for exam in exams if _matches(exam, chosen)]
    number = _page_number(len(matching))
    shown = matching[(number - 1) * _PAGE : number * _PAGE]
    lines = make_lines(exchange, shown, trusts)
    return render(
        "patient.jinja",
        person=make_person(patient, trusts),
        others=_others(exchange, patient, trusts),
        years=[(year, list(group)) for year, group in groupby(lines, key=_heading)],
        count=len(matching),
        total=len(exams),
        complete=complete,
        filters=_choices(exams, chosen, trusts),
        filtered=any(chosen.values()),
        pages=_links(chosen, number, len(matching)),
        drawing=make_drawing(matching),
        silent=silent_sources(trusts),
        merged="merged" in request.args,
    )


def _others(exchange: Exchange, patient: Json, trusts: Mapping[str, str]) -> list[Person]:
    """Other records with the same NHS number: what they hold is not in this timeline."""
    number = nhs_number(patient)
    found = find_all(exchange, "Patient", [("identifier", f"{NHS_NUMBER}|{number}")])[0] if number else []
    apart = [p for p in found if p["id"] != patient["id"] and patient["id"] not in replaced_by(p)]
    return [make_person(p, trusts) for p in apart]


def make_lines(exchange: Exchange, exams: Sequence[Exam], trusts: Mapping[str, str]) -> list[Line]:
    """The exams with names and availability, a few statements for all of them."""
    availabilities = portal_services().availabilities
    uids = {exam.study_uid: exam.endpoint_ids for exam in exams if exam.study_uid and not exam.planned}
    images = availabilities.of_studies(uids) if uids else {}
    sites = _site_names(exchange, {exam.site for exam in exams if exam.site})
    return [
        Line(exam, trusts.get(exam.trust, exam.trust), sites.get(exam.site, exam.site), images.get(exam.study_uid))
        for exam in exams
    ]


def _site_names(exchange: Exchange, codes: Iterable[str]) -> dict[str, str]:
    """Names of the sites that are registered as Locations."""
    wanted = ",".join(f"{ODS_SITE_CODE}|{code}" for code in sorted(codes) if code.isalnum())
    if not wanted or not exchange.caller.allows("Location", "s"):
        return {}
    found, _ = find_all(exchange, "Location", [("identifier", wanted)])
    return {
        str(identifier.get("value")): f"{place.get('name', '')} ({identifier.get('value')})"
        for place in found
        for identifier in place.get("identifier") or ()
        if identifier.get("system") == ODS_SITE_CODE and place.get("name")
    }


def _matches(exam: Exam, chosen: Mapping[str, str]) -> bool:
    return all(not wanted or wanted in _FILTERS[name](exam) for name, wanted in chosen.items())


def _heading(line: Line) -> str:
    return "Planned" if line.exam.planned else line.exam.year


def _choices(exams: Sequence[Exam], chosen: Mapping[str, str], trusts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The three selects, each with the values that occur."""
    found: list[dict[str, Any]] = []
    for name, values in _FILTERS.items():
        occurring = sorted({v for exam in exams for v in values(exam) if v}, reverse=name == "year")
        items: list[dict[str, Any]] = [{"value": "", "text": "All", "selected": not chosen[name]}]
        items += [
            {"value": v, "text": trusts.get(v, v) if name == "trust" else v, "selected": chosen[name] == v}
            for v in occurring
        ]
        found.append({"name": name, "items": items})
    return found


def _page_number(count: int) -> int:
    asked = request.args.get("page", "1")
    last = max(1, -(-count // _PAGE))
    return max(1, min(int(asked[:6]), last)) if asked.isascii() and asked.isdigit() else 1


def _links(chosen: Mapping[str, str], number: int, count: int) -> dict[str, dict[str, str]]:
    kept = {name: value for name, value in chosen.items() if value}
    last = max(1, -(-count // _PAGE))
    links = {}
    for name, other, word in (("previous", number - 1, "Newer exams"), ("next", number + 1, "Earlier exams")):
        if 1 <= other <= last:
            query = urlencode({**kept, "page": other})
            links[name] = {"href": f"?{query}", "text": word, "labelText": f"Page {other} of {last}"}
    return links
