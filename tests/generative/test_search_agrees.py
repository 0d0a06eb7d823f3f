"""Random searches over random small regions: the SQL must give what the reference gives, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from fhir_server.access.predicate import AccessRule
from fhir_server.errors import Forbidden
from fhir_server.search.execute import count_matches, run_search
from fhir_server.search.found import FoundResource
from fhir_server.search.in_memory import IndexedDocument, InMemorySearch, sort_value
from fhir_server.search.parse import parse_search
from fhir_server.search.query import SearchQuery
from tests.support import small_region
from tests.support.index_writer import IndexWriter, WrittenResource

relaxed = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def _write(connection: Connection, region: list[WrittenResource]) -> None:
    writer = IndexWriter(connection)
    writer.clear()
    writer.write(*region)


def _walk(connection: Connection, query: SearchQuery, rule: AccessRule) -> tuple[list[FoundResource], set[str]]:
    """All pages: the matches in order, and the names of everything included."""
    matches: list[FoundResource] = []
    included: set[str] = set()
    token = None
    while True:
        page = run_search(connection, query, rule, page_token=token)
        assert len(page.matches) <= query.page_size
        matches += page.matches
        included |= {f"{found.resource_type}/{found.resource_id}" for found in page.included}
        token = page.next_token
        if token is None:
            return matches, included - {f"{m.resource_type}/{m.resource_id}" for m in matches}


@relaxed
@given(
    region=small_region.regions(),
    searches=st.lists(small_region.searches(), min_size=4, max_size=8),
    rule=small_region.rules,
)
def test_every_search_finds_what_the_reference_finds_in_the_same_order(
    connection: Connection,
    region: list[WrittenResource],
    searches: list[tuple[str, list[tuple[str, str]]]],
    rule: AccessRule,
) -> None:
    _write(connection, region)
    reference = InMemorySearch([small_region.to_reference(w) for w in region], rule)
    for search in searches:
        query = parse_search(*search)
        if rule.allows_type(query.resource_type):
            _assert_agrees(connection, query, rule, reference)
        else:
            with pytest.raises(Forbidden):
                run_search(connection, query, rule)


def _assert_agrees(connection: Connection, query: SearchQuery, rule: AccessRule, reference: InMemorySearch) -> None:
    expected = reference.matches(query)
    found, included = _walk(connection, query, rule)
    assert sorted(f.resource_key for f in found) == sorted(d.resource_key for d in expected)
    by_key = {d.resource_key: d for d in expected}
    assert [_place(query, by_key[f.resource_key]) for f in found] == [_place(query, d) for d in expected]
    assert included == reference.included(query, expected)
    assert count_matches(connection, query, rule) == len(expected)


def _place(query: SearchQuery, document: IndexedDocument) -> list[object]:
    """What decides where a resource stands: ties may stand in any order."""
    return [sort_value(document, key) for key in query.sort]


@relaxed
@given(
    region=small_region.regions(),
    hidden=small_region.regions({"Patient": 5, "ImagingStudy": 5, "DiagnosticReport": 5, "ServiceRequest": 3}),
    searches=st.lists(small_region.searches(), min_size=4, max_size=8),
    rule=small_region.rules.filter(lambda rule: not rule.unrestricted),
)
def test_rows_that_the_caller_may_not_read_change_nothing(
    connection: Connection,
    region: list[WrittenResource],
    hidden: list[WrittenResource],
    searches: list[tuple[str, list[tuple[str, str]]]],
    rule: AccessRule,
) -> None:
    taken = {(w.resource_type, w.resource_id) for w in region}
    secret = [
        replace(w, resource_key=w.resource_key + 100, sealed=1, custodian="RK5")
        for w in hidden
        if (w.resource_type, w.resource_id) not in taken
    ]
    queries = [parse_search(*search) for search in searches if rule.allows_type(search[0])]
    _write(connection, region)
    before = [_walk(connection, query, rule) for query in queries]
    IndexWriter(connection).write(*secret)
    assert [_walk(connection, query, rule) for query in queries] == before
