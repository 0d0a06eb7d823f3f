"""Accounts in the database: clients, tokens, users, sessions. What a secret is worth is `access`'s business."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, case, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.errors import DuplicateKey
from fhir_server.storage.database import Database
from fhir_server.storage.tables import access_token, client, portal_session, portal_user, used_assertion


@dataclass(frozen=True)
class ClientRecord:
    client_id: str
    name: str
    secret_digest: str | None
    jwks: str | None
    scope: str
    trust: str | None
    created_at: int
    disabled: bool = False


@dataclass(frozen=True)
class TokenRecord:
    token_sha256: bytes
    token_id: str
    client_id: str
    scope: str
    patient_id: str | None
    issued_at: int
    expires_at: int
    revoked: bool = False


@dataclass(frozen=True)
class UserRecord:
    user_id: str
    name: str
    display_name: str
    role: str
    trust: str | None
    password_digest: str
    failures: int = 0
    locked_until: int = 0
    disabled: bool = False


@dataclass(frozen=True)
class SessionRecord:
    session_sha256: bytes
    session_id: str
    user_id: str
    csrf_token: str
    created_at: int
    seen_at: int
    ended: bool = False


class Accounts:
    """Repository of accounts. Times are microseconds since 1970 UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_client(self, record: ClientRecord) -> None:
        self._database.write(lambda c: c.execute(insert(client), asdict(record)))

    def find_client(self, client_id: str) -> ClientRecord | None:
        row = self._one(select(client).where(client.c.client_id == client_id))
        return None if row is None else ClientRecord(**row)

    def list_clients(self) -> list[ClientRecord]:
        with self._database.read() as connection:
            return [ClientRecord(**r) for r in connection.execute(select(client)).mappings()]

    def disable_client(self, client_id: str) -> None:
        self._database.write(
            lambda c: c.execute(update(client).where(client.c.client_id == client_id).values(disabled=True))
        )

    def add_token(self, record: TokenRecord) -> None:
        self._database.write(lambda c: c.execute(insert(access_token), asdict(record)))

    def find_token(self, token_sha256: bytes) -> tuple[TokenRecord, ClientRecord] | None:
        """A token that is not revoked, with its client; expiry is for the caller to judge."""
        token_row = self._one(select(access_token).where(access_token.c.token_sha256 == token_sha256))
        if token_row is None:
            return None
        owner = self.find_client(token_row["client_id"])
        return None if owner is None else (TokenRecord(**token_row), owner)

    def use_assertion(self, client_id: str, jti: str, expires_at: int) -> bool:
        """Note an assertion as used; False when it was used before."""
        row = {"client_id": client_id, "jti": jti, "expires_at": expires_at}
        insert_new = postgresql.insert if not self._database.is_sqlite else sqlite.insert
        # The row count of an INSERT is not told by every driver; what it returns is.
        statement = insert_new(used_assertion).values(row).on_conflict_do_nothing().returning(used_assertion.c.jti)
        return self._database.write(lambda c: c.execute(statement).first()) is not None

    def forget_expired(self, before: int) -> None:
        """Delete tokens and assertions that expired before the time."""

        def work(connection: Any) -> None:
            connection.execute(delete(access_token).where(access_token.c.expires_at < before))
            connection.execute(delete(used_assertion).where(used_assertion.c.expires_at < before))

        self._database.write(work)

    def add_user(self, record: UserRecord) -> None:
        """Raise DuplicateKey when the name is taken."""
        if self.find_user(record.name) is not None:
            raise DuplicateKey("There is already a user of this name.")
        self._database.write(lambda c: c.execute(insert(portal_user), asdict(record)))

    def find_user(self, name: str) -> UserRecord | None:
        row = self._one(select(portal_user).where(portal_user.c.name == name))
        return None if row is None else UserRecord(**row)

    def count_failure(self, user_id: str, failures_max: int, locked_until: int) -> None:
        """One more wrong password; the `failures_max`-th locks the user. Counted in the database, so that parallel
        guesses count each."""
        full = portal_user.c.failures + 1 >= failures_max
        values = {
            "failures": case((full, 0), else_=portal_user.c.failures + 1),
            "locked_until": case((full, locked_until), else_=portal_user.c.locked_until),
        }
        self.update_user(user_id, **values)

    def update_user(self, user_id: str, **values: Any) -> None:
        self._database.write(
            lambda c: c.execute(update(portal_user).where(portal_user.c.user_id == user_id).values(**values))
        )

    def add_session(self, record: SessionRecord) -> None:
        self._database.write(lambda c: c.execute(insert(portal_session), asdict(record)))

    def find_session(self, session_sha256: bytes) -> tuple[SessionRecord, UserRecord] | None:
        session_row = self._one(select(portal_session).where(portal_session.c.session_sha256 == session_sha256))
        if session_row is None:
            return None
        user_row = self._one(select(portal_user).where(portal_user.c.user_id == session_row["user_id"]))
        return None if user_row is None else (SessionRecord(**session_row), UserRecord(**user_row))

    def touch_session(self, session_sha256: bytes, seen_at: int) -> None:
        where = portal_session.c.session_sha256 == session_sha256
        self._database.write(lambda c: c.execute(update(portal_session).where(where).values(seen_at=seen_at)))

    def end_session(self, session_sha256: bytes) -> None:
        where = portal_session.c.session_sha256 == session_sha256
        self._database.write(lambda c: c.execute(update(portal_session).where(where).values(ended=True)))

    def _one(self, statement: Select[Any]) -> dict[str, Any] | None:
        with self._database.read() as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else dict(row)


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
