"""Who is calling: an API client, a signed-in person, or one of the record's own services."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fhir_server.access.scopes import ScopeSet, parse_scopes


class CallerKind(StrEnum):
    CLIENT = "client"
    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True)
class Caller:
    """The authenticated party of a request.

    `trust` is the ODS code of the organisation it acts for; `patient_id` the one patient its token is bound to
    (None: not bound); `session` identifies the token or browser session in disclosures, never the secret itself.
    """

    kind: CallerKind
    caller_id: str
    name: str
    scopes: ScopeSet
    trust: str | None = None
    role: str | None = None
    patient_id: str | None = None
    session: str = ""

    @property
    def key(self) -> str:
        """Who this is and for whom it may ask: equal for two sessions of one caller with the same rights."""
        return f"{self.kind}:{self.caller_id}:{self.trust}:{self.patient_id}"

    def allows(self, resource_type: str, permission: str) -> bool:
        return self.scopes.allows(resource_type, permission)


def make_service_caller(name: str) -> Caller:
    """The record acting for itself (feeds, harvest, jobs): everything, always under its own name."""
    return Caller(CallerKind.SERVICE, name, name, parse_scopes("system/*.cruds"))
