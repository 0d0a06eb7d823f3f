"""A token bound to one patient: a request that names another is refused, whether or not that patient exists.

Design decision 9; https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html. Rows that are merely
found are no business of this module: the access rule hides them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_server.access.caller import Caller
from fhir_server.errors import Forbidden, NotFound, RecordError
from fhir_server.search.query import Criterion, OnResource, SearchQuery, values_of
from fhir_server.search.reference import ReferenceValue
from fhir_server.search.resource_values import IdValue

ANOTHER_PATIENT = "The token is bound to another patient."


def require_own_patient(caller: Caller, query: SearchQuery) -> None:
    """Raise Forbidden (403) when a search names a patient other than the one the token is bound to."""
    if caller.patient_id is None:
        return
    for criterion in query.criteria:
        if any(patient != caller.patient_id for patient in _named(criterion, query.resource_type)):
            raise Forbidden(ANOTHER_PATIENT)


def _named(criterion: Criterion, resource_type: str) -> Iterator[str]:
    for value in values_of(criterion):
        if isinstance(value, ReferenceValue):
            yield from (t.split("/")[1] for t in value.targets if t.startswith("Patient/"))
        elif isinstance(value, IdValue) and isinstance(criterion, OnResource) and resource_type == "Patient":
            yield value.resource_id


def absent(caller: Caller, resource_type: str, resource_id: str) -> RecordError:
    """Why a resource is not shown: another patient than the token's is refused (403), all else is not there (404)."""
    if resource_type == "Patient" and caller.patient_id not in (None, resource_id):
        return Forbidden(ANOTHER_PATIENT)
    return NotFound(f"There is no {resource_type} with this id.")
