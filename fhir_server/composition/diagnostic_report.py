"""DiagnosticReport, from every message that carried it (https://hl7.org/fhir/R4/diagnosticreport.html).

Its life: registered, partial, preliminary, final, then amended or corrected; a lower state never replaces a higher
one, and equal states go by the time of the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.composition.layers import overlay
from fhir_server.composition.report_lines import merged_text
from fhir_server.storage.contribution_rows import Contribution

_TEXT = ("presentedForm", "conclusion", "conclusionCode", "result")
_ENDED_WITHOUT_TEXT = frozenset({"cancelled", "entered-in-error"})
_UNCODED = {"text": "Imaging report"}


def compose_diagnostic_report(layers: Sequence[Contribution]) -> dict[str, Any]:
    """`layers` as `layers.in_force` gives them; references still are keys.

    Each message carries the whole text, unless its feed sends changed lines only.
    """
    content = {"status": "unknown", "code": _UNCODED} | overlay(
        layers, union=("identifier", "basedOn", "imagingStudy"), together=_TEXT
    )
    if lines := merged_text(layers):
        content = {k: v for k, v in content.items() if k != "conclusion"} | lines
    if content["status"] in _ENDED_WITHOUT_TEXT:
        # The withdrawn text stays in the history; nobody shall read it as today's.
        return {k: v for k, v in content.items() if k not in _TEXT}
    if content["status"] == "final" and _was_final_with_other_text(layers):
        content["status"] = "amended"
    return content


def _was_final_with_other_text(layers: Sequence[Contribution]) -> bool:
    """Whether an earlier final version said something else."""
    finals = [_text(layer) for layer in layers if layer.authoritative and layer.content.get("status") == "final"]
    spoken = [text for text in finals if text is not None]
    return any(text != spoken[-1] for text in spoken[:-1])


def _text(layer: Contribution) -> Any:
    """What the layer says, without what changes on every transmission; None when it says nothing."""
    if not any(layer.content.get(name) for name in _TEXT):
        return None
    forms = [(f.get("contentType"), f.get("data")) for f in layer.content.get("presentedForm") or ()]
    return repr((forms, layer.content.get("conclusion")))
