"""ServiceRequest, from orders and what answers them (https://hl7.org/fhir/R4/servicerequest.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.composition.layers import overlay, precedence
from fhir_server.storage.contribution_rows import Contribution

#: Ranks from hl7/tables/orders: 0 requested, 1 under way, 2 ended, 3 entered in error.
_ENDED, _ERROR = 2, 3


def compose_service_request(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys.

    An order that was completed or revoked stays so unless it was entered in error or placed anew later.
    """
    layers = reopened(layers, "authoredOn")
    return {"status": "unknown", "intent": "order"} | overlay(layers, union=("identifier",))


def reopened(layers: Sequence[Contribution], opening: str) -> Sequence[Contribution]:
    """The layers with those that ended the order put below a later one that placed it anew.

    Only a new order has the element `opening` (authoredOn: ORC-1 was NW) or the status of that name (requested).
    """
    if not layers or layers[-1].status_rank != _ENDED:
        return layers
    openings = [c for c in layers if c.authoritative and (opening in c.content or c.content.get("status") == opening)]
    last = max((c.event_time for c in openings), default=None)
    if last is None or last <= max(c.event_time for c in layers if c.status_rank == _ENDED):
        return layers
    return sorted(layers, key=lambda c: (c.authoritative, c.event_time >= last, *precedence(c)[1:]))
