"""A disclosure: one request that showed or changed something of the record, with everything it touched (decision 15).

The events of IHE Basic Audit Log Patterns are made from it: https://profiles.ihe.net/ITI/BALP/
"""

from __future__ import annotations

from dataclasses import dataclass

OUTCOME_SUCCESS = "0"
OUTCOME_MINOR_FAILURE = "4"  # the request was refused or could not be understood
OUTCOME_SERIOUS_FAILURE = "8"  # the record failed


@dataclass(frozen=True, slots=True)
class DisclosedVersion:
    """One version that was shown or written, and the patients it is about (none, one or several)."""

    resource_type: str
    resource_id: str
    version_id: int
    patient_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One request. `recorded_us` is microseconds since 1970 UTC.

    `interaction` is a FHIR interaction (read, vread, history-instance, search-type, create, ...) or one of ours
    (images, portal-page); `action` is AuditEvent.action: C, R, U, D or E. `trust` is the ODS code that the caller acts
    for, `session` names its token or browser session, never the secret. `query` is the query as sent: it may hold
    patient identifiers, so it goes nowhere but into the audit store. `purpose` is a v3-PurposeOfUse code.
    `address` is the network address that the request came from, "" when it is not known.
    """

    recorded_us: int
    interaction: str
    action: str
    caller_kind: str
    caller_id: str
    caller_name: str
    role: str | None = None
    trust: str | None = None
    session: str = ""
    request_id: str = ""
    query: str = ""
    entries: tuple[DisclosedVersion, ...] = ()
    outcome: str = OUTCOME_SUCCESS
    purpose: str = "TREAT"
    address: str = ""
