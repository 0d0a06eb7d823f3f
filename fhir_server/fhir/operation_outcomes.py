"""OperationOutcome: what went wrong, in code, in words and by place (https://hl7.org/fhir/R4/operationoutcome.html)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_server.errors import Issue


def make_operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The resource, as Python values. `diagnostics` repeats the text for clients that read only that."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(i) for i in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    made: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"text": issue.text},
        "diagnostics": issue.text,
    }
    if issue.expression is not None:
        made["expression"] = [issue.expression]
    return made


def make_success(text: str) -> dict[str, Any]:
    """The OperationOutcome of something that went well."""
    return make_operation_outcome([Issue("informational", text, severity="information")])
