"""Portal sign-in: passwords (argon2id) with a lock-out, and sessions that end by idling or by age."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.access.policy import ROLES
from fhir_server.access.scopes import parse_scopes
from fhir_server.access.secrets import new_secret, secret_matches, token_digest
from fhir_server.errors import Throttled, Unauthenticated, Unavailable
from fhir_server.storage.accounts import Accounts, SessionRecord, UserRecord, now_us

COOKIE = "imaging_record_session"
_TOUCH_EVERY_US = 60_000_000


@dataclass(frozen=True)
class SessionRules:
    """Seconds, and the number of wrong passwords in a row before a wait."""

    idle_s: int
    lifetime_s: int
    failures_max: int
    lockout_s: int


@dataclass(frozen=True)
class PortalSession:
    """A live session: the caller it stands for and the token its forms must carry."""

    caller: Caller
    csrf_token: str


class Sessions:
    """Signing in, recognising and signing out portal users."""

    def __init__(self, accounts: Accounts, rules: SessionRules) -> None:
        self._accounts = accounts
        self._rules = rules

    def sign_in(self, name: str, password: str) -> str:
        """Return the cookie of a new session. Unauthenticated (401) when name and password do not match, Throttled
        (429) while the account is locked; the answer takes the same time whether or not the name exists."""
        user = self._accounts.find_user(name.strip().lower())
        now = now_us()
        if user is not None and user.locked_until > now:
            raise Throttled("Too many wrong passwords. Wait a few minutes, then try again.")
        if not secret_matches(user.password_digest if user else None, password) or user is None or user.disabled:
            if user is not None:
                locked_until = now + self._rules.lockout_s * 1_000_000
                self._accounts.count_failure(user.user_id, self._rules.failures_max, locked_until)
            raise Unauthenticated("The user name and password do not match.")
        if user.failures:
            self._accounts.update_user(user.user_id, failures=0, locked_until=0)
        return self._start(user, now)

    def _start(self, user: UserRecord, now: int) -> str:
        cookie = new_secret()
        session_id = token_digest("id:" + cookie).hex()[:24]
        self._accounts.add_session(
            SessionRecord(token_digest(cookie), session_id, user.user_id, new_secret(), now, now)
        )
        return cookie

    def find(self, cookie: str) -> PortalSession | None:
        """The live session of a cookie, or None."""
        found = self._accounts.find_session(token_digest(cookie))
        if found is None:
            return None
        session, user = found
        now = now_us()
        idle, age = now - session.seen_at, now - session.created_at
        over = idle > self._rules.idle_s * 1_000_000 or age > self._rules.lifetime_s * 1_000_000
        if session.ended or user.disabled or over:
            return None
        if idle > min(_TOUCH_EVERY_US, self._rules.idle_s * 250_000):
            with contextlib.suppress(Unavailable):  # people can still read while the database takes no writes
                self._accounts.touch_session(session.session_sha256, now)
        return PortalSession(_caller(user, session), session.csrf_token)

    def sign_out(self, cookie: str) -> None:
        self._accounts.end_session(token_digest(cookie))


def _caller(user: UserRecord, session: SessionRecord) -> Caller:
    role = ROLES.get(user.role)
    scopes = parse_scopes(role.scopes if role else "")
    return Caller(
        CallerKind.USER, user.user_id, user.display_name, scopes, user.trust, user.role, None, session.session_id
    )
