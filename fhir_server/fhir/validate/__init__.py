"""Validation of a resource against FHIR R4's own definitions (https://hl7.org/fhir/R4/validation.html).

`validate_resource` answers every issue it finds, each with the exact path, and none when the resource is valid. Texts
name the element and the rule, never the value. The profiles a resource claims are not checked here.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from fhir_server.errors import Issue
from fhir_server.fhir.validate.walk import TooManyIssues, Walk

__all__ = ["validate_resource"]


def validate_resource(
    content: dict[str, Any], *, expected_type: str | None = None, level: Literal["standard", "full"] = "standard"
) -> list[Issue]:
    """Return what is wrong with a parsed resource, every issue an error; an empty list means valid.

    `content` is JSON as Python values: numbers int or Decimal (a float is read as a decimal), nothing of ours. With
    `expected_type` the resource must be of that type. At most 100 issues are returned. Level
    `full` adds the invariants that need FHIRPath (those of Questionnaire, CapabilityStatement and the like).
    """
    walk = Walk(full=level == "full")
    name = content.get("resourceType") if isinstance(content, dict) else None
    root = name if isinstance(name, str) and name.isalpha() else expected_type or "Resource"
    with contextlib.suppress(TooManyIssues):
        walk.resource(content, (None, root, None), expected_type)
    return walk.issues
