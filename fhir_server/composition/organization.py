"""Organization, from the registry and from messages that name places (https://hl7.org/fhir/R4/organization.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.composition.layers import overlay
from fhir_server.storage.contribution_rows import Contribution


def compose_organization(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys."""
    return overlay(layers, union=("identifier", "alias"))
