"""The versions of a report: who said what and when, what changed from one to the next, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.fhir.documents import decode
from fhir_server.interactions.exchange import Exchange
from fhir_server.portal.moments import instant_words, read_moment
from fhir_server.portal.pages import opens
from fhir_server.portal.records import Json, find_all
from fhir_server.portal.report_text import report_text
from fhir_server.portal.services import portal_services
from fhir_server.portal.text_difference import Piece, difference
from fhir_server.portal.words import State, report_state
from fhir_server.storage.feed_state import MessageHeader, message_headers
from fhir_server.storage.resources import FoundVersion

_MESSAGE = "urn:uuid:"
_DELETED = State("Deleted", "red")


@dataclass(frozen=True)
class Origin:
    """The message that a version came from; `control_id` is its MSH-10."""

    message_type: str
    control_id: str
    received: str


@dataclass(frozen=True)
class ReportVersion:
    """`changes` is what is different from the version before: None for the first, empty when the text is the same."""

    number: int
    state: State
    reporters: str
    issued: str
    stored: str
    changes: tuple[Piece, ...] | None
    origin: Origin | None = None


def make_versions(exchange: Exchange, found: Sequence[FoundVersion]) -> list[ReportVersion]:
    """Versions newest first, as `found` is."""
    documents: list[Json | None] = [decode(v.body) if v.body else None for v in found]
    origins = _origins(exchange, found[0].resource_id) if found else {}
    versions = []
    for place, version in enumerate(found):
        older = documents[place + 1] if place + 1 < len(found) else None
        versions.append(_make_version(version, documents[place], older, origins.get(version.version_id)))
    return versions


def _make_version(found: FoundVersion, report: Json | None, older: Json | None, origin: Origin | None) -> ReportVersion:
    issued = read_moment((report or {}).get("issued"))
    return ReportVersion(
        number=found.version_id,
        state=report_state(report.get("status")) if report else _DELETED,
        reporters=reporters_of(report or {}),
        issued=issued.words if issued else "",
        stored=instant_words(found.last_updated),
        changes=_changes(older, report) if older is not None and report is not None else None,
        origin=origin,
    )


def _changes(older: Json, newer: Json) -> tuple[Piece, ...]:
    before, after = report_text(older), report_text(newer)
    return () if before == after else tuple(difference(before, after))


def reporters_of(report: Mapping[str, Any]) -> str:
    """Who answers for the text, by name."""
    names = [str(person.get("display", "")) for person in report.get("resultsInterpreter") or ()]
    return ", ".join(dict.fromkeys(name for name in names if name))


def _origins(exchange: Exchange, report_id: str) -> dict[int, Origin]:
    """By version: the message that made it. For those who look after the feeds."""
    caller = exchange.caller
    if not (opens(caller, "feeds") and caller.allows("Provenance", "s")):
        return {}
    target = f"DiagnosticReport/{report_id}"
    found, _ = find_all(exchange, "Provenance", [("target", target)])
    ids = {provenance["id"]: _message_id(provenance) for provenance in found}
    with portal_services().database.read() as connection:
        headers = message_headers(connection, [i for i in ids.values() if i])
    origins: dict[int, Origin] = {}
    for provenance in found:
        if header := headers.get(ids[provenance["id"]]):
            origins |= dict.fromkeys(_versions_of(provenance, target), _origin(header))
    return origins


def _message_id(provenance: Json) -> str:
    for entity in provenance.get("entity") or ():
        value = str(((entity.get("what") or {}).get("identifier") or {}).get("value", ""))
        if value.startswith(_MESSAGE):
            return value.removeprefix(_MESSAGE)
    return ""


def _versions_of(provenance: Json, target: str) -> list[int]:
    references = [str(t.get("reference", "")) for t in provenance.get("target") or ()]
    numbers = [r.removeprefix(f"{target}/_history/") for r in references if r.startswith(f"{target}/_history/")]
    return [int(number) for number in numbers if number.isdecimal()]


def _origin(header: MessageHeader) -> Origin:
    return Origin(header.message_type, header.control_id, instant_words(header.received_at))
