"""Encounter, from admissions, attendances and discharges (https://hl7.org/fhir/R4/encounter.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.composition.layers import overlay, strongest
from fhir_server.storage.contribution_rows import Contribution

_UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}


def compose_encounter(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys."""
    content = {"status": "unknown", "class": _UNKNOWN_CLASS} | overlay(layers, union=("identifier",))
    period = _period(layers)
    return content | ({"period": period} if period else {})


def _period(layers: Sequence[Contribution]) -> dict[str, Any]:
    """Start and end are said by different events, so each comes from the strongest layer that has it."""
    layers_with_period = [layer for layer in layers if layer.content.get("period")]
    period: dict[str, Any] = {}
    for layer in layers_with_period:
        period |= layer.content["period"]
    if strongest(layers, "status") != "finished":
        period.pop("end", None)
    return period
