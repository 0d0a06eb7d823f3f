"""AuditEvents are read from the audit trail, where disclosures are kept (design decision 15); what clients posted as
AuditEvent is an ordinary resource, and follows the trail's events in a search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.audit.audit_event import RenderedEvent
from fhir_server.audit.search_parameters import split_event_id
from fhir_server.audit.trail import read_audit_event, search_audit_events
from fhir_server.errors import Forbidden, MethodNotAllowed, NotFound
from fhir_server.interactions.exchange import Exchange
from fhir_server.search.execute import SearchPage
from fhir_server.search.found import FoundResource
from fhir_server.storage.resources import FoundVersion

_POSTED = "posted."  # page tokens of the second part, the ordinary resources


def is_trail_event(resource_type: str, resource_id: str) -> bool:
    """Whether the address is of an event of the trail."""
    return resource_type == "AuditEvent" and split_event_id(resource_id) is not None


def refuse_change(resource_type: str, resource_id: str) -> None:
    """Raise MethodNotAllowed (405) for a change of an event of the trail."""
    if is_trail_event(resource_type, resource_id):
        raise MethodNotAllowed("The audit trail is not changed.")


def require_trail_role(caller: Caller) -> None:
    """Raise Forbidden (403) for a person whose role does not name AuditEvent: who looked at what is for information
    governance, and `user/*` is about care."""
    named = any(scope.resource_type == "AuditEvent" for scope in caller.scopes.scopes)
    if caller.kind is CallerKind.USER and not named:
        raise Forbidden("Your role does not read the audit trail.")


def read_trail_event(exchange: Exchange, resource_id: str) -> FoundVersion:
    """The event; NotFound (404) when there is none, or it is of another patient than the caller's token."""
    require_trail_role(exchange.caller)
    event = read_audit_event(exchange.record.storage, _spool(exchange), resource_id)
    bound_to = exchange.caller.patient_id
    if bound_to is not None and event.patient_id != bound_to:
        raise NotFound("There is no AuditEvent with this id.")
    patients = () if event.patient_id is None else (event.patient_id,)
    return FoundVersion("AuditEvent", event.resource_id, 1, event.recorded_us, "POST", patients, None, event.body)


def search_audit(
    exchange: Exchange,
    parameters: Sequence[tuple[str, str]],
    page_token: str | None,
    search_posted: Callable[[str | None], SearchPage],
) -> SearchPage:
    """A page of the trail's events, newest first; past their end, `search_posted` gives the ordinary resources."""
    require_trail_role(exchange.caller)
    if page_token is not None and page_token.startswith(_POSTED):
        page = search_posted(page_token.removeprefix(_POSTED) or None)
        return replace(page, next_token=None if page.next_token is None else _POSTED + page.next_token)
    asked = list(parameters)
    if exchange.caller.patient_id is not None:
        asked.append(("patient", exchange.caller.patient_id))
    record = exchange.record
    events, token = search_audit_events(
        record.storage, _spool(exchange), asked, page_token, time_zone=record.settings.search_timezone
    )
    if token is None and search_posted(None).matches:
        token = _POSTED
    return SearchPage([_found(e) for e in events], next_token=token)


def _found(event: RenderedEvent) -> FoundResource:
    patients = () if event.patient_id is None else (event.patient_id,)
    return FoundResource(
        0, "AuditEvent", event.resource_id, 1, event.recorded_us, None, event.patient_id, patients, event.body
    )


def _spool(exchange: Exchange) -> Path:
    return exchange.record.settings.data_dir / "spool"
