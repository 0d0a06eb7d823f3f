"""Access tokens of API clients: opaque, digested at rest, short-lived (RFC 6750, SMART Backend Services).

A verified token is remembered for a few seconds in the process, which is how long a revocation may take to bite.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.scopes import parse_scopes
from fhir_server.access.secrets import new_secret, token_digest
from fhir_server.storage.accounts import Accounts, TokenRecord, now_us

MEMORY_S = 5.0
_MEMORY_MAX = 4096


@dataclass(frozen=True)
class IssuedToken:
    access_token: str
    expires_in: int
    scope: str


def issue_token(
    accounts: Accounts, client_id: str, scope: str, lifetime_s: int, patient_id: str | None = None
) -> IssuedToken:
    """Make and store a token for the client; the clear text is returned once."""
    token, issued = new_secret(), now_us()
    accounts.add_token(
        TokenRecord(
            token_sha256=token_digest(token),
            token_id=token_digest("id:" + token).hex()[:24],
            client_id=client_id,
            scope=scope,
            patient_id=patient_id,
            issued_at=issued,
            expires_at=issued + lifetime_s * 1_000_000,
        )
    )
    return IssuedToken(token, lifetime_s, scope)


class TokenVerifier:
    """Bearer token -> caller. Thread-safe."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._memory: dict[str, tuple[float, Caller | None]] = {}
        self._turn = threading.Lock()

    def caller_of(self, token: str) -> Caller | None:
        """The caller the token stands for; None when it is unknown, expired, revoked, or its client is disabled."""
        moment = time.monotonic()
        remembered = self._memory.get(token)
        if remembered is not None and remembered[0] > moment:
            return remembered[1]
        caller, remaining_s = self._look_up(token)
        if caller is not None:
            with self._turn:
                if len(self._memory) >= _MEMORY_MAX:
                    self._memory.clear()
                self._memory[token] = (moment + min(MEMORY_S, remaining_s), caller)
        return caller

    def _look_up(self, token: str) -> tuple[Caller | None, float]:
        found = self._accounts.find_token(token_digest(token))
        if found is None:
            return None, 0
        record, client = found
        remaining_s = (record.expires_at - now_us()) / 1_000_000
        if record.revoked or client.disabled or remaining_s <= 0:
            return None, 0
        scopes = parse_scopes(record.scope)
        if record.patient_id is None:  # a `patient/` scope without a patient grants nothing, never everybody
            scopes = scopes.at("user", "system")
        return Caller(
            CallerKind.CLIENT, client.client_id, client.name, scopes, client.trust, None, record.patient_id,
            record.token_id,
        ), remaining_s  # fmt: skip
