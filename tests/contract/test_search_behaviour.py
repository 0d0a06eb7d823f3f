"""What each kind of search finds, by small tables; the same on both databases (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from fhir_server.access.predicate import AccessRule
from fhir_server.errors import BadRequest, Forbidden, UnsupportedParameter
from fhir_server.search.execute import SearchPage, run_search
from fhir_server.search.parse import Limits, parse_search
from fhir_server.search.rows import SearchContext
from tests.support.index_writer import IndexWriter, WrittenResource

NHS = "https://fhir.nhs.uk/Id/nhs-number"
MRN = "https://rx1.example/mrn"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
EVERYTHING = AccessRule(None, None, None, unrestricted=True)
BASE = "https://record.example/fhir"
OWN_BASE = SearchContext(base_url=BASE)


def patient(resource_id: str, /, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": resource_id, **elements}


def study(name: str, about: str | dict[str, Any], **elements: Any) -> dict[str, Any]:
    subject = {"reference": about} if isinstance(about, str) else about
    return {"resourceType": "ImagingStudy", "id": name, "status": "available", "subject": subject, **elements}


REGION = [
    patient(
        "ada",
        identifier=[{"system": NHS, "value": "9990000018"}, {"system": MRN, "value": "A|1"}],
        name=[{"family": "O'Brien", "given": ["Zoë", "Ann"]}],
        birthDate="1950-03-29",
        gender="female",
        address=[{"postalCode": "LE1 5WW", "city": "Leicester"}],
    ),
    patient("bob", identifier=[{"system": NHS, "value": "9990000026"}], name=[{"family": "OBRIEN"}], birthDate="1950"),
    patient("cat", name=[{"family": "Zimmer"}], gender="male", deceasedDateTime="2026-01-02"),
    {
        "resourceType": "ServiceRequest", "id": "order", "status": "active", "intent": "order",
        "code": {"text": "CT head"}, "subject": {"reference": "Patient/ada"}, "authoredOn": "2026-06-14T22:00:00Z",
    },
    study(
        "ct",
        "Patient/ada",
        started="2026-06-14T23:30:00Z",  # 15 June, 00:30 in London
        series=[{"modality": {"system": DCM, "code": "CT"}}],
        identifier=[{"system": "urn:dicom:uid", "value": "urn:oid:2.25.1"}],
        basedOn=[{"reference": "ServiceRequest/order/_history/3"}],
    ),
    study("mr", f"{BASE}/Patient/ada", started="2026-06-16", series=[{"modality": {"system": DCM, "code": "MR"}}]),
    study("logical", {"identifier": {"system": NHS, "value": "9990000026"}}, series=[{"modality": {"code": "CT"}}]),
    study("elsewhere", "https://other.example/fhir/Patient/ada"),
    {"resourceType": "Questionnaire", "id": "form", "url": "http://form.example/q", "version": "1", "status": "active"},
    {
        "resourceType": "QuestionnaireResponse", "id": "answer", "status": "completed",
        "questionnaire": "http://form.example/q|1", "subject": {"reference": "Patient/ada"},
    },
    {
        "resourceType": "Encounter", "id": "stay", "status": "in-progress", "class": {"code": "IMP"},
        "subject": {"reference": "Patient/ada"}, "period": {"start": "2026-06-15T08:00:00+01:00"},
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url)
    with engine.connect() as opened:
        resources = [
            WrittenResource(key, content, last_updated=1_780_000_000_000_000 + key, context=OWN_BASE)
            for key, content in enumerate(REGION, start=1)
        ]
        IndexWriter(opened).write(*resources)
        yield opened
    engine.dispose()


def search(connection: Connection, url: str, rule: AccessRule = EVERYTHING, token: str | None = None) -> SearchPage:
    kind, _, rest = url.partition("?")
    parameters = [tuple(pair.split("=", 1)) for pair in rest.split("&") if pair]
    return run_search(connection, parse_search(kind, parameters, context=OWN_BASE), rule, page_token=token)  # type: ignore[arg-type]


FINDS = {
    "every resource of the type": ("Patient", "ada bob cat"),
    "an id": ("Patient?_id=bob", "bob"),
    "one of several ids": ("Patient?_id=bob,cat,nobody", "bob cat"),
    # token
    "a code in any system": ("ImagingStudy?modality=CT", "ct logical"),
    "a code in one system": (f"ImagingStudy?modality={DCM}|CT", "ct"),
    "a code without a system": ("ImagingStudy?modality=|CT", "logical"),
    "any code of a system": (f"ImagingStudy?modality={DCM}|", "ct mr"),
    "nothing for a code of the wrong case": ("ImagingStudy?modality=ct", ""),
    "nothing for an unknown system": ("ImagingStudy?modality=http://none.example|CT", ""),
    "either of two codes": ("ImagingStudy?modality=CT,MR", "ct mr logical"),
    "what has not the code": ("ImagingStudy?modality:not=CT", "mr elsewhere"),
    "an identifier with an escaped bar": (f"Patient?identifier={MRN}|A\\|1", "ada"),
    "a required code by its system": ("Patient?gender=http://hl7.org/fhir/administrative-gender|female", "ada"),
    "a required code that has no system of its own": ("Patient?gender=|female", "ada"),
    "a flag": ("Patient?deceased=true", "cat"),
    "two parameters at once": ("Patient?identifier=9990000018&gender=female", "ada"),
    "a repeated parameter as AND": ("ImagingStudy?modality=CT&modality=MR", ""),
    "what lacks a value": ("Patient?gender:missing=true", "bob"),
    "what has a value": ("ServiceRequest?code:missing=false", "order"),
    # string
    "a beginning without case or accent": ("Patient?given=zoe", "ada"),
    "a name without its apostrophe only as it is": ("Patient?family=obrien", "bob"),
    "a curly apostrophe": ("Patient?family=o\u2019brien", "ada"),
    "an exact name": ("Patient?family:exact=OBRIEN", "bob"),
    "a part of a name": ("Patient?family:contains=RIEN", "ada bob"),
    "a percent sign as itself": ("Patient?family:contains=%", ""),
    "a postcode without its space": ("Patient?address-postalcode=le15ww", "ada"),
    # date
    "a UK day in summer time": ("ImagingStudy?started=2026-06-15", "ct"),
    "a UTC day when the offset says so": ("ImagingStudy?started=ge2026-06-14T00:00Z&started=lt2026-06-15T00:00Z", "ct"),
    "a year within which the day lies": ("Patient?birthdate=1950", "ada bob"),
    "not a year within a day": ("Patient?birthdate=1950-03-29", "ada"),
    "before": ("ImagingStudy?started=lt2026-06-16", "ct"),
    "after or on": ("ImagingStudy?started=ge2026-06-16", "mr"),
    "starts after": ("ImagingStudy?started=sa2026-06-15", "mr"),
    "ends before": ("ImagingStudy?started=eb2026-06-16", "ct"),
    "unequal": ("ImagingStudy?started=ne2026-06-15", "mr"),
    "an open period that may reach the day": ("Encounter?date=gt2030-01-01", "stay"),
    "not an open period that does not lie within the day": ("Encounter?date=2026-06-15", ""),
    # reference
    "a reference by type and id": ("ImagingStudy?subject=Patient/ada", "ct mr"),
    "a reference by bare id": ("ImagingStudy?patient=ada", "ct mr"),
    "a reference of a named type": ("ImagingStudy?subject:Patient=ada", "ct mr"),
    "a reference by this record's own address": (f"ImagingStudy?patient={BASE}/Patient/ada", "ct mr"),
    "a reference to another server": ("ImagingStudy?patient=https://other.example/fhir/Patient/ada", "elsewhere"),
    "a versioned reference without its version": ("ImagingStudy?basedon=ServiceRequest/order", "ct"),
    "a versioned reference with its version": ("ImagingStudy?basedon=ServiceRequest/order/_history/3", "ct"),
    "nothing for another version": ("ImagingStudy?basedon=ServiceRequest/order/_history/2", ""),
    "a logical reference": (f"ImagingStudy?subject:identifier={NHS}|9990000026", "logical"),
    "a logical reference that names no type": (f"ImagingStudy?patient:identifier={NHS}|9990000026", "logical"),
    "a canonical without its version": ("QuestionnaireResponse?questionnaire=http://form.example/q", "answer"),
    "a canonical with its version": ("QuestionnaireResponse?questionnaire=http://form.example/q|1", "answer"),
    "nothing for a canonical's other version": ("QuestionnaireResponse?questionnaire=http://form.example/q|2", ""),
    # uri
    "a whole uri": ("Questionnaire?url=http://form.example/q", "form"),
    "nothing for a part of a uri": ("Questionnaire?url=http://form.example", ""),
    # chains
    "by the patient's identifier": (f"ImagingStudy?patient.identifier={NHS}|9990000018", "ct mr"),
    "by any subject's identifier": (f"ImagingStudy?subject.identifier={NHS}|9990000018", "ct mr"),
    "by the patient's sex, many of a kind": ("ImagingStudy?patient.gender=female&modality=MR", "mr"),
    "through two references": ("ImagingStudy?basedon:ServiceRequest.patient.family=o'b", "ct"),
    "what something refers to": ("Patient?_has:ImagingStudy:patient:modality=MR", "ada"),
    "what nothing refers to": ("Patient?_has:ImagingStudy:patient:modality=US", ""),
    "through something that refers and refers on": ("Patient?_has:ImagingStudy:patient:basedon.status=active", "ada"),
}  # fmt: skip


@pytest.mark.parametrize(("url", "expected"), FINDS.values(), ids=FINDS.keys())
def test_search_finds(connection: Connection, url: str, expected: str) -> None:
    page = search(connection, url)
    assert sorted(found.resource_id for found in page.matches) == sorted(expected.split())
    assert page.total == len(expected.split())


ORDERS = {
    "names ignore case and accents": ("Patient?_sort=family", "ada bob cat"),
    "descending": ("Patient?_sort=-family", "cat bob ada"),
    "missing values last": ("ImagingStudy?_sort=started", "ct mr logical elsewhere"),
    "missing values last, descending": ("ImagingStudy?_sort=-started,-_id", "mr ct logical elsewhere"),
    "a second key": ("ImagingStudy?_sort=modality,-started", "ct logical mr elsewhere"),
    "by id, descending": ("Patient?_sort=-_id", "cat bob ada"),
    "by time of update, descending": ("Patient?_sort=-_lastUpdated", "cat bob ada"),
    "newest first when a time is searched": ("ImagingStudy?started=ge2026", "mr ct"),
    "last updated first when that is searched": ("Patient?_lastUpdated=gt2000", "cat bob ada"),
    "with a filter": ("ImagingStudy?modality=CT,MR&_sort=-started", "mr ct logical"),
}


@pytest.mark.parametrize(("url", "expected"), ORDERS.values(), ids=ORDERS.keys())
def test_order(connection: Connection, url: str, expected: str) -> None:
    assert [found.resource_id for found in search(connection, url).matches] == expected.split()


@pytest.mark.parametrize(("url", "expected"), ORDERS.values(), ids=ORDERS.keys())
def test_pages_of_one_hold_the_same_in_the_same_order(connection: Connection, url: str, expected: str) -> None:
    seen, token = [], None
    while True:
        page = search(connection, f"{url}&_count=1", token=token)
        seen += [found.resource_id for found in page.matches]
        token = page.next_token
        if token is None:
            break
    assert seen == expected.split()


def test_includes_bring_what_matches_refer_to_and_what_refers_to_them(connection: Connection) -> None:
    url = "ImagingStudy?_id=ct&_include=ImagingStudy:patient&_include=ImagingStudy:basedon:ServiceRequest"
    assert sorted(found.resource_id for found in search(connection, url).included) == ["ada", "order"]
    reverse = search(connection, "Patient?_id=ada&_revinclude=ImagingStudy:patient&_revinclude=Encounter:patient")
    assert sorted(found.resource_id for found in reverse.included) == ["ct", "mr", "stay"]


def test_too_many_includes_are_cut_short_with_a_warning(connection: Connection) -> None:
    pairs = [("_id", "ada"), ("_revinclude", "ImagingStudy:patient")]
    page = run_search(connection, parse_search("Patient", pairs, limits=Limits(include_max=1)), EVERYTHING)
    assert len(page.included) == 1
    assert [(issue.severity, issue.code) for issue in page.warnings] == [("warning", "too-costly")]


def test_total_is_given_when_asked_for_or_when_one_page_holds_everything(connection: Connection) -> None:
    assert search(connection, "Patient?_count=2").total is None
    assert search(connection, "Patient?_count=2&_total=accurate").total == 3
    assert search(connection, "Patient").total == 3
    counted = search(connection, "Patient?_summary=count")
    assert (counted.total, counted.matches) == (3, [])
    assert search(connection, "Patient?_count=0").total == 3


def test_longest_lists_of_alternatives_are_answered(connection: Connection) -> None:
    assert search(connection, "Patient?_id=ada," + ",".join(f"no{n}" for n in range(999))).total == 1
    names = ",".join(["o'brien", *[f"no{n}" for n in range(199)]])
    assert search(connection, f"Patient?family={names}&given={names}&name={names}&_total=accurate").total == 0
    assert search(connection, f"Patient?family={names}&name:contains={names}&_sort=family").total == 1
    with pytest.raises(BadRequest):
        search(connection, f"Patient?family={names},one-too-many")


def test_compartment_holds_what_refers_to_the_patient(connection: Connection) -> None:
    query = parse_search("ImagingStudy", [("modality", "CT")], compartment=("Patient", "ada"))
    assert [found.resource_id for found in run_search(connection, query, EVERYTHING).matches] == ["ct"]


def test_found_resource_carries_its_bytes_and_patients(connection: Connection) -> None:
    (found,) = search(connection, "ImagingStudy?_id=ct").matches
    assert (found.resource_type, found.version_id, found.patient_ids) == ("ImagingStudy", 1, ("ada",))
    assert found.body.startswith(b'{"resourceType": "ImagingStudy"')


def test_page_token_of_another_search_caller_or_key_is_refused(connection: Connection) -> None:
    query = parse_search("Patient", [("_count", "1"), ("_sort", "family")])
    token = run_search(connection, query, EVERYTHING, caller="one", token_key=b"secret").next_token
    assert token is not None
    assert "brien" not in token
    second = run_search(connection, query, EVERYTHING, page_token=token, caller="one", token_key=b"secret")
    assert [found.resource_id for found in second.matches] == ["bob"]
    other = parse_search("Patient", [("_count", "1"), ("gender", "male")])
    changes: list[dict[str, Any]] = [
        {"query": other},
        {"rule": AccessRule(None, "RX1", None)},
        {"caller": "two"},
        {"token_key": b"other"},
        {"page_token": token[:-2]},
        {"page_token": "x"},
    ]
    right = {"query": query, "rule": EVERYTHING, "caller": "one", "token_key": b"secret", "page_token": token}
    for changed in changes:
        with pytest.raises(BadRequest):
            run_search(connection, **(right | changed))


def test_type_outside_the_callers_scopes_is_forbidden(connection: Connection) -> None:
    with pytest.raises(Forbidden):
        search(connection, "Patient", AccessRule(frozenset({"ImagingStudy"}), None, None))


def test_chain_through_a_type_outside_the_callers_scopes_finds_nothing(connection: Connection) -> None:
    rule = AccessRule(frozenset({"ImagingStudy"}), None, None)
    assert search(connection, "ImagingStudy?patient.family=o'brien", rule).matches == []
    assert search(connection, "ImagingStudy?_include=ImagingStudy:patient", rule).included == []


def test_resource_updated_during_a_walk_is_not_omitted(connection: Connection) -> None:
    """It moves from ahead of the cursor to behind it; the tail brings it."""
    writer = IndexWriter(connection)
    writer.write(*[_person(n, f"190{n}-01-01", 0) for n in range(1, 6)])
    query = parse_search("Person", [("_sort", "birthdate"), ("_count", "2")])
    page = run_search(connection, query, EVERYTHING)
    seen = [found.resource_id for found in page.matches]
    writer.write(_person(4, "1800-01-01", time.time_ns() // 1000))
    while page.next_token:
        page = run_search(connection, query, EVERYTHING, page_token=page.next_token)
        seen += [found.resource_id for found in page.matches]
    assert seen == ["p1", "p2", "p3", "p5", "p4"]


def _person(number: int, born: str, updated: int) -> WrittenResource:
    return WrittenResource(
        100 + number,
        {"resourceType": "Person", "id": f"p{number}", "birthDate": born},
        version_id=2 if updated else 1,
        last_updated=updated,
    )


def test_unsupported_parameter_is_refused_before_any_row_is_read() -> None:
    with pytest.raises(UnsupportedParameter):
        parse_search("Patient", [("famly", "Smith")])
