"""Disclosures for the tests."""

from __future__ import annotations

from typing import Any

from fhir_server.audit.disclosure import DisclosedVersion, Disclosure

NOON = 1_795_262_400_000_000  # 2026-11-21T12:00:00Z


def make_disclosure(number: int = 0, **changes: Any) -> Disclosure:
    """A read of `DiagnosticReport/r<number>` about patient p1."""
    values: dict[str, Any] = {
        "recorded_us": NOON + number,
        "interaction": "read",
        "action": "R",
        "caller_kind": "user",
        "caller_id": "u1",
        "caller_name": "Dr Imogen Fairweather",
        "role": "clinician",
        "trust": "RX1",
        "session": "s1",
        "request_id": f"q{number}",
        "entries": (DisclosedVersion("DiagnosticReport", f"r{number}", 1, ("p1",)),),
    }
    return Disclosure(**(values | changes))
