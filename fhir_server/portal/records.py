"""Reading the record for a page: searches and reads through the interactions, which apply the access rule and disclose.

Every page names itself in the account of what it disclosed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fhir_server.fhir.documents import decode
from fhir_server.interactions.exchange import Exchange
from fhir_server.interactions.search_type import search_type
from fhir_server.portal.services import portal_services
from fhir_server.storage.feeds import list_trusts
from terminology.systems import ODS_ORGANIZATION_CODE

Json = dict[str, Any]

PAGE_SIZE = 200
#: Pages of one search at most: what a page shows of one patient is bounded.
PAGES_MAX = 5


def find_all(exchange: Exchange, resource_type: str, parameters: Sequence[tuple[str, str]]) -> tuple[list[Json], bool]:
    """Every match as a document, and whether that is all there is (the pages are bounded)."""
    wanted = [*parameters, ("_count", str(PAGE_SIZE))]
    _note(exchange, "search-type", f"{resource_type}?{urlencode(parameters)}")
    found: list[Json] = []
    token: str | None = None
    for _ in range(PAGES_MAX):
        page = search_type(exchange, resource_type, wanted, page_token=token).page
        found += [decode(match.body) for match in page.matches]
        token = page.next_token
        if token is None:
            break
    unique = {document["id"]: document for document in found}
    return list(unique.values()), token is None


def _note(exchange: Exchange, interaction: str, query: str) -> None:
    exchange.interaction = exchange.interaction or interaction
    exchange.query = f"{exchange.query} {query}".strip()


def custodian_of(document: Json) -> str:
    """The ODS code of the trust that the resource belongs to; "" when it is shared."""
    tags = (document.get("meta") or {}).get("tag") or ()
    return next((str(tag.get("code", "")) for tag in tags if tag.get("system") == ODS_ORGANIZATION_CODE), "")


def trust_names() -> dict[str, str]:
    """Names of the registered trusts by ODS code."""
    with portal_services().database.read() as connection:
        return {trust.ods: trust.name for trust in list_trusts(connection)}


def reference_id(reference: Json | None, resource_type: str) -> str:
    """The logical id of a reference to a resource of this type; "" otherwise."""
    text = str((reference or {}).get("reference", ""))
    kind, _, rest = text.partition("/")
    return rest.partition("/")[0] if kind == resource_type else ""


def concept_text(concept: Json | None) -> str:
    """What a CodeableConcept says in words."""
    concept = concept or {}
    codings = concept.get("coding") or ()
    shown = next((c["display"] for c in codings if c.get("display")), "")
    return str(concept.get("text") or shown or next((c.get("code", "") for c in codings), ""))
