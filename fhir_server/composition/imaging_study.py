"""ImagingStudy, from orders and reports that announce it and archives that hold it.

https://hl7.org/fhir/R4/imagingstudy.html; identifiers after
https://hl7.org/fhir/R4/imagingstudy-definitions.html#ImagingStudy.identifier
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.composition.layers import gather, identity_of, overlay
from fhir_server.storage.contribution_rows import Contribution

_UNION = ("identifier", "basedOn", "endpoint", "modality", "procedureCode")


def compose_imaging_study(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys.

    What several archives hold of one study is put together: a series is there when one of them has it.
    """
    content = {"status": "unknown"} | overlay(layers, union=_UNION)
    held = [layer for layer in layers if layer.content.get("status") == "available"]
    if held:
        content["status"] = "available"
        _put_together(content, held)
    return content


def _put_together(content: dict[str, Any], held: Sequence[Contribution]) -> None:
    series: dict[str, dict[str, Any]] = {}
    for layer in reversed(held):
        for one in layer.content.get("series") or ():
            uid = str(one.get("uid"))
            series[uid] = _fuller(series[uid], one) if uid in series else one
    if series:
        content["series"] = list(series.values())
        content["numberOfSeries"] = len(series)
        counts = [one.get("numberOfInstances") for one in series.values()]
        if None not in counts:
            content["numberOfInstances"] = sum(counts)
    endpoints = {identity_of(e): e for e in gather(held, "endpoint")}
    if endpoints:
        content["endpoint"] = [endpoints[key] for key in sorted(endpoints)]


def _fuller(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of one series at two archives: the copy with more objects, at the endpoints of both."""
    more, less = (
        (one, other) if (one.get("numberOfInstances") or 0) >= (other.get("numberOfInstances") or 0) else (other, one)
    )
    endpoints = {identity_of(e): e for e in [*(more.get("endpoint") or ()), *(less.get("endpoint") or ())]}
    merged = dict(less) | dict(more)
    if endpoints:
        merged["endpoint"] = [endpoints[key] for key in sorted(endpoints)]
    return merged
