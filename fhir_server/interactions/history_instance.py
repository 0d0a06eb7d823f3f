"""history of one resource, newest version first (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.patient_context import absent
from fhir_server.interactions.write import require_known_type
from fhir_server.storage.resources import FoundVersion


@dataclass(frozen=True)
class HistoryPage:
    """A page of versions; `next_below` is where the next page starts (None: this is the last)."""

    versions: list[FoundVersion]
    next_below: int | None


def history_instance(
    exchange: Exchange,
    resource_type: str,
    resource_id: str,
    *,
    count: int,
    since: int | None,
    below_version: int | None,
) -> HistoryPage:
    """Return up to `count` versions. NotFound (404) when the caller may read no version at all."""
    require_known_type(resource_type)
    exchange.read_rule.require_type(resource_type)
    find = exchange.record.resources.history
    versions = find(
        resource_type, resource_id, exchange.read_rule, below_version=below_version, since=since, limit=count + 1
    )
    if not versions and below_version is None and (since is None or not _exists(exchange, resource_type, resource_id)):
        raise absent(exchange.caller, resource_type, resource_id)
    page = versions[:count]
    exchange.disclose(page)
    return HistoryPage(page, page[-1].version_id if len(versions) > count and page else None)


def _exists(exchange: Exchange, resource_type: str, resource_id: str) -> bool:
    """An empty page since some time is the answer for a resource that exists, and a 404 for one that does not."""
    find = exchange.record.resources.history
    return bool(find(resource_type, resource_id, exchange.read_rule, below_version=None, since=None, limit=1))
