"""search within a type (https://hl7.org/fhir/R4/http.html#search): parse, one statement, includes, stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_server.audit.disclosure import DisclosedVersion
from fhir_server.interactions.audit_events import search_audit
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import require_own_patient
from fhir_server.interactions.write import require_known_type
from fhir_server.search.execute import SearchPage, run_search
from fhir_server.search.parse import Limits, parse_search
from fhir_server.search.query import SearchQuery


@dataclass(frozen=True)
class SearchAnswer:
    """What was executed (the parameters that were not ignored), and what it found."""

    query: SearchQuery
    executed: tuple[tuple[str, str], ...]
    page: SearchPage


def search_type(
    exchange: Exchange,
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    page_token: str | None = None,
) -> SearchAnswer:
    """Search. UnsupportedParameter or BadRequest (400) for what is not understood, Forbidden (403) for the type."""
    require_known_type(resource_type)
    exchange.search_rule.require_type(resource_type)
    exchange.action = "E"
    settings = exchange.record.settings
    query = parse_search(
        resource_type,
        parameters,
        lenient=lenient,
        limits=Limits(settings.search_page_default, settings.search_page_max, settings.include_max),
        context=exchange.search_context,
    )

    require_own_patient(exchange.caller, query)

    def run(token: str | None) -> SearchPage:
        with exchange.record.database.read() as connection:
            return run_search(
                connection,
                query,
                exchange.search_rule,
                page_token=token,
                caller=exchange.caller.key,
                token_key=exchange.record.page_key,
            )

    is_trail = resource_type == "AuditEvent"
    page = search_audit(exchange, parameters, page_token, run) if is_trail else run(page_token)
    exchange.disclosed.extend(
        DisclosedVersion(f.resource_type, f.resource_id, f.version_id, f.patient_ids)
        for f in (*page.matches, *page.included)
    )
    ignored = {warning.expression for warning in query.warnings}
    executed = tuple((name, value) for name, value in parameters if f"http.{name}" not in ignored)
    return SearchAnswer(query, executed, page)
