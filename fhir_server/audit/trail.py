"""Read and search the audit trail as AuditEvents; what is still in the spools is filed first, so nothing is missed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from fhir_server.audit.audit_event import RenderedEvent, render_audit_events
from fhir_server.audit.chain import decode_disclosure
from fhir_server.audit.filing import file_spools
from fhir_server.audit.search_parameters import AuditSearch, parse_audit_search, split_event_id
from fhir_server.errors import BadRequest, NotFound
from fhir_server.storage.disclosure_search import DisclosureQuery, find_disclosures
from fhir_server.storage.disclosures import Connection, DisclosureRow
from fhir_server.storage.unit_of_work import Storage

_TOKEN = re.compile(r"(\d{1,18})-(\d{1,9})-(\d{1,18})-(\d{1,6})")
_ALL = 2**31  # behind every index
_Key = tuple[int, int, int, int]  # recorded, writer number, position, index


def read_audit_event(storage: Storage, directory: Path, resource_id: str) -> RenderedEvent:
    """The event with this id. Raises NotFound. `directory` is the spool's."""
    key = split_event_id(resource_id)
    if key is None:
        raise NotFound("There is no such AuditEvent.")
    file_spools(storage, directory)
    with storage.database.read() as connection:
        rows = find_disclosures(connection, DisclosureQuery(keys=frozenset({key[:2]})), None, 1)
    events = [event for row in rows for event in _render(row)]
    for event in events:
        if event.resource_id == resource_id:
            return event
    raise NotFound("There is no such AuditEvent.")


def search_audit_events(
    storage: Storage,
    directory: Path,
    parameters: Iterable[tuple[str, str]],
    token: str | None = None,
    *,
    time_zone: str = "Europe/London",
) -> tuple[list[RenderedEvent], str | None]:
    """One page of events, newest first, and the token of the next page (None: there is none).

    Raises UnsupportedParameter or BadRequest (400) for a parameter or a token that is not one of ours.
    """
    search = parse_audit_search(parameters, time_zone)
    after = _parse_token(token)
    file_spools(storage, directory)
    with storage.database.read() as connection:
        found = _find_events(connection, search, after)
    page = found[: search.count]
    more = len(found) > len(page) > 0
    return [event for _key, event in page], "-".join(map(str, page[-1][0])) if more else None


def _find_events(connection: Connection, search: AuditSearch, after: _Key | None) -> list[tuple[_Key, RenderedEvent]]:
    """The events behind `after`: one more than a page, or all there are."""
    found: list[tuple[_Key, RenderedEvent]] = []
    limit = search.count + 2
    while True:
        # From the disclosure of the last event on, which may have events left.
        rows = find_disclosures(connection, search.query, after[:3] if after else None, limit)
        for row in rows:
            found += [pair for pair in _keyed_events(row) if _comes_after(pair[0], after) and _matches(pair[1], search)]
        if len(found) > search.count or len(rows) < limit:
            return found
        last = rows[-1]
        after = (last.recorded, last.writer_number, last.position, _ALL)


def _keyed_events(row: DisclosureRow) -> list[tuple[_Key, RenderedEvent]]:
    return [((row.recorded, row.writer_number, row.position, i), event) for i, event in enumerate(_render(row))]


def _render(row: DisclosureRow) -> Sequence[RenderedEvent]:
    return render_audit_events(row.writer_number, row.position, decode_disclosure(row.payload))


def _comes_after(key: _Key, after: _Key | None) -> bool:
    """Whether an event belongs behind the last one of the page before; within a disclosure the index ascends."""
    return after is None or key[:3] != after[:3] or key[3] > after[3]


def _matches(event: RenderedEvent, search: AuditSearch) -> bool:
    """Whether this event of a disclosure that matches is one that was asked for."""
    if search.ids is not None and event.resource_id not in search.ids:
        return False
    if any(event.patient_id not in patients for patients in search.query.patients):
        return False
    named = {(entry.resource_type, entry.resource_id) for entry in event.entries}
    about = {("Patient", event.patient_id)} if event.patient_id else set()
    return all(entities & (named | about) for entities in search.query.entities)


def _parse_token(token: str | None) -> _Key | None:
    if token is None:
        return None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadRequest("The page token is not one of ours.")
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])
