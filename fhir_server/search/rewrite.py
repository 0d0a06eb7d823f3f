"""Give a search without `_sort` the order in which it can be answered from an index.

FHIR leaves the order open. In the resource key's order a search for last month's studies would pass by every older
one first; newest first it begins where the matches are.
"""

from __future__ import annotations

from dataclasses import replace

from fhir_server.search.leads import best_lead, is_sure
from fhir_server.search.parameters import has_one_row
from fhir_server.search.query import Criterion, Matches, OnResource, SearchQuery, SortKey
from fhir_server.search.resource_values import LastUpdatedValue


def choose_order(query: SearchQuery) -> SearchQuery:
    """The query, newest first by the time it searches if nothing narrower leads it."""
    lead = best_lead(query.criteria)
    if query.sort or (lead is not None and is_sure(lead)):
        return query
    keys = [key for criterion in query.criteria if (key := _time_key(criterion))]
    return replace(query, sort=(keys[0],)) if keys else query


def _time_key(criterion: Criterion) -> SortKey | None:
    match criterion:
        case Matches(parameter=parameter) if parameter.type == "date" and has_one_row(parameter):
            return SortKey(parameter, descending=True)
        case OnResource(values=values) if isinstance(values[0], LastUpdatedValue):
            return SortKey(None, descending=True, column="last_updated")
        case _:
            return None
