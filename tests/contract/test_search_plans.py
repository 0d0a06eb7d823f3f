"""The hot searches read index ranges and scan no table (by SQLite's plan, which does not depend on statistics)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from fhir_server.access.predicate import AccessRule
from fhir_server.search.leads import choose_lead
from fhir_server.search.parse import parse_search
from fhir_server.search.plans import compile_plan
from fhir_server.search.query import bound_parameters
from fhir_server.search.sql import Part, candidates, compile_search
from fhir_server.storage.tables import metadata

NHS = "https://fhir.nhs.uk/Id/nhs-number"
TRUST_CLINICIAN = AccessRule(None, "RX1", None)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        metadata.create_all(opened)
        yield opened


def plan(connection: Connection, url: str, *, narrow: bool) -> list[str]:
    """The steps of the page's statement, for data in which the criteria have few rows (`narrow`) or many."""
    kind, _, rest = url.partition("?")
    query = parse_search(kind, [(name, value) for name, _, value in (p.partition("=") for p in rest.split("&"))])
    lead = choose_lead(candidates(query, Part.VALUED), lambda _: narrow, by_key=not query.sort)
    values = {**bound_parameters(query.criteria), **TRUST_CLINICIAN.parameters, "page_limit": 51}
    compiled = compile_plan(compile_search(query, TRUST_CLINICIAN, lead=lead), connection.dialect, frozenset(values))
    given = {**compiled.fixed, **values}
    rows = connection.exec_driver_sql(
        f"EXPLAIN QUERY PLAN {compiled.sql}", tuple(given[name] for name in compiled.positions or ())
    )
    return [row[-1] for row in rows]


@pytest.mark.parametrize("narrow", [True, False], ids=["few rows", "many rows"])
@pytest.mark.parametrize(
    "url",
    [
        "ImagingStudy?patient=1",
        "ImagingStudy?patient=1&status=available&_sort=-started",
        f"Patient?identifier={NHS}|9990000018",
        "ImagingStudy?identifier=urn:oid:2.25.1",
        f"ImagingStudy?patient.identifier={NHS}|9990000018",
        f"ImagingStudy?subject.identifier={NHS}|9990000018",
        "Task?status=requested&_sort=authored-on",
        "DiagnosticReport?_sort=-date",
        "DiagnosticReport?status=final&_sort=-issued",
        "ImagingStudy?started=ge2026-06-01&started=lt2026-07-01",
        "Patient?family=smith&birthdate=1950-01-01",
        "Patient?_has:ImagingStudy:patient:identifier=urn:oid:2.25.1",
        "Observation?code=http://loinc.org|85354-9&patient=1",
        "Patient?_lastUpdated=gt2026-01-01",
        "Task?focus=ImagingStudy/1",
    ],
)
def test_search_reads_index_ranges_alone(connection: Connection, url: str, narrow: bool) -> None:
    steps = plan(connection, url, narrow=narrow)
    # "leading" is the short list of keys that the search starts from.
    assert not [step for step in steps if step.startswith("SCAN") and step not in ("SCAN CONSTANT ROW", "SCAN leading")]


@pytest.mark.parametrize(
    "url", ["Task?_sort=authored-on", "DiagnosticReport?status=final&_sort=-issued", "Task?status=requested"]
)
def test_page_of_a_broad_search_is_read_in_order_without_sorting(connection: Connection, url: str) -> None:
    assert not [step for step in plan(connection, url, narrow=False) if "ORDER BY" in step]
