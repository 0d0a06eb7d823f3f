"""Task, the reporting work item, from orders and reports (https://hl7.org/fhir/R4/task.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.composition.layers import overlay
from fhir_server.composition.service_request import reopened
from fhir_server.storage.contribution_rows import Contribution

#: Ranks from hl7/tables/orders: 2 and above have ended.
_ENDED = 2


def compose_task(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys."""
    layers = reopened(layers, "requested")
    content = {"status": "requested", "intent": "order"} | overlay(layers, union=("identifier", "basedOn"))
    if layers[-1].status_rank >= _ENDED and "businessStatus" not in layers[-1].content:
        # A wish to cancel or to hold has been answered once the work has ended.
        content.pop("businessStatus", None)
    return content
