"""Where in a resource we are, cheap to extend while walking and rendered only when something is wrong.

Rendered as the simple FHIRPath that OperationOutcome.issue.expression asks for
(https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression).
"""

from __future__ import annotations

import re
from typing import Any

# (parent, element name, index in its array or None); None is above the resource. Recursive, hence Any.
Path = tuple[Any, str, int | None]

NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")
UNNAMEABLE = "%unknown"


def render(path: Path) -> str:
    """Return such as `Patient.name[0].given[1]`."""
    parts: list[str] = []
    step: Path | None = path
    while step:
        step, name, index = step
        parts.append(name if index is None else f"{name}[{index}]")
    return ".".join(reversed(parts))


def safe_name(name: str) -> str:
    """Return a property name as sent if it looks like one: what does not could be patient data in the wrong place."""
    return name if NAME.fullmatch(name) else UNNAMEABLE
