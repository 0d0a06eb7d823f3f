"""Contributions made of messages, for tests without a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fhir_server.composition.compose import compose
from fhir_server.ingest.statements import Source, contributions_of
from fhir_server.storage.contribution_rows import Contribution, Name
from hl7.messages import map_payload
from hl7.profile import Profile

ISSUER = "urn:x-imaging-record:RX1.ris"
PROFILE = Profile(issuer=ISSUER, trust="RX1")


def said_by(raw: bytes, message_id: str) -> list[Contribution]:
    """What one message contributes."""
    mapped = map_payload(raw, PROFILE)
    source = Source("RX1-ris", ISSUER, "RX1", mapped.message_time, message_id, mapped.control_id)
    return contributions_of(mapped.fragments, source)


def record_of(said: Iterable[Contribution]) -> dict[tuple[str, Name], Any]:
    """What a set of contributions composes to, thing by thing; said twice is said once."""
    unique = {c.contribution_id: c for c in said}
    things: dict[tuple[str, Name], list[Contribution]] = defaultdict(list)
    for c in unique.values():
        if c.resource_type != "Patient":
            things[c.resource_type, c.key].append(c)
    return {thing: compose(thing[0], found) for thing, found in things.items()}
