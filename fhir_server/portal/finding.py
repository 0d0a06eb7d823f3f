"""Finding a patient: by NHS number, or by family name and date of birth. Nothing that was typed enters an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.access.declare import Audience, open_to
from fhir_server.api.responses import current_exchange
from fhir_server.portal import moments
from fhir_server.portal.pages import csrf_token, opens, render
from fhir_server.portal.people import Person, make_person, replaced_by
from fhir_server.portal.records import Json, find_all, trust_names
from terminology.nhs_number import LENGTH, is_valid_nhs_number, normalise_nhs_number
from terminology.systems import NHS_NUMBER

_SHOWN_MAX = 50
_ESCAPED = str.maketrans({"\\": "\\\\", ",": "\\,", "|": "\\|", "$": "\\$"})


@dataclass
class Wanted:
    """What was typed, and what is wrong with it: messages by the id of the input to correct."""

    typed: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    parameters: list[tuple[str, str]] = field(default_factory=list)


def read_wanted(form: Mapping[str, str]) -> Wanted:
    """Check the form. An NHS number wins over a name; a name needs a date of birth."""
    typed = {name: form.get(name, "").strip() for name in ("nhs_number", "family", "day", "month", "year")}
    wanted = Wanted(typed)
    if typed["nhs_number"]:
        _read_nhs_number(wanted)
    elif any(typed.values()):
        _read_person(wanted)
    else:
        wanted.errors["nhs_number"] = "Enter an NHS number, or a family name and date of birth"
    return wanted


def _read_nhs_number(wanted: Wanted) -> None:
    number = normalise_nhs_number(wanted.typed["nhs_number"])
    if not (number.isascii() and number.isdigit()):
        problem = "An NHS number must only have numbers, spaces and hyphens, like 999 123 4560"
    elif len(number) != LENGTH:
        problem = f"An NHS number has 10 digits; you entered {len(number)}"
    elif not is_valid_nhs_number(number):
        problem = "This is not an NHS number: its check digit does not fit. Look for a mistyped or swapped digit"
    else:
        wanted.parameters = [("identifier", f"{NHS_NUMBER}|{number}")]
        return
    wanted.errors["nhs_number"] = problem


def _read_person(wanted: Wanted) -> None:
    typed = wanted.typed
    if not typed["family"]:
        wanted.errors["family"] = "Enter the family name"
    born = _read_day(wanted)
    if born and not wanted.errors:
        wanted.parameters = [("family", typed["family"].translate(_ESCAPED)), ("birthdate", born.isoformat())]


def _read_day(wanted: Wanted) -> date | None:
    parts = {name: wanted.typed[name] for name in ("day", "month", "year")}
    missing = [name for name, value in parts.items() if not value]
    if len(missing) == 3:
        wanted.errors["born-day"] = "Enter the date of birth"
    elif missing:
        wanted.errors[f"born-{missing[0]}"] = f"The date of birth must include a {' and a '.join(missing)}"
    else:
        return _make_day(wanted, parts)
    return None


def _make_day(wanted: Wanted, parts: Mapping[str, str]) -> date | None:
    try:
        born = date(*(int(parts[name]) for name in ("year", "month", "day")))
    except (ValueError, OverflowError):
        born = None
    if born is None or born.year < 1850:
        wanted.errors["born-day"] = "The date of birth must be a real date, like 31 3 1980"
        return None
    if born > moments.today():
        wanted.errors["born-day"] = "The date of birth must be in the past"
        return None
    return born


@open_to(Audience.USER)
def home() -> AnyResponse:
    """GET /: who finds patients lands on the search, the others on the feeds."""
    if not opens(current_exchange().caller, "patients"):
        return redirect("/feeds", 303)
    return _form(Wanted({}))


@open_to(Audience.USER, page="patients")
def find_patients() -> AnyResponse:
    """POST /patients: one match opens, several are listed."""
    wanted = read_wanted(request.form)
    if wanted.errors:
        return _form(wanted, 400)
    documents, complete = find_all(current_exchange(), "Patient", wanted.parameters)
    found = _without_merged(documents)
    if len(found) == 1:
        return redirect(f"/patients/{found[0]['id']}", 303)
    trusts = trust_names()
    people = sorted((make_person(p, trusts) for p in found), key=lambda p: p.name)
    more = not complete or len(people) > _SHOWN_MAX
    return _results(wanted, people[:_SHOWN_MAX], more)


def _without_merged(patients: list[Json]) -> list[Json]:
    """A record that was merged into another match is that match."""
    ids = {patient["id"] for patient in patients}
    return [patient for patient in patients if not ids.intersection(replaced_by(patient))]


def _form(wanted: Wanted, status: int = 200) -> Response:
    return render("find.jinja", status, csrf_token=csrf_token(), **_values(wanted))


def _results(wanted: Wanted, people: list[Person], more: bool) -> Response:
    return render("found.jinja", csrf_token=csrf_token(), people=people, more=more, **_values(wanted))


def _values(wanted: Wanted) -> dict[str, Any]:
    summary = [{"text": text, "href": f"#{place}"} for place, text in wanted.errors.items()]
    return {"typed": wanted.typed, "errors": wanted.errors, "summary": summary}
