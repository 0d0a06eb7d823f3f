"""Secrets: how they are made, digested and compared. Clear text leaves this module once, to its owner."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

#: RFC 9106's second recommended option (64 MiB, 3 passes), for passwords that people choose.
_people = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
#: Machine secrets carry 256 random bits: guessing is hopeless, so a light hash keeps token requests cheap.
_machines = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
_ABSENT = _people.hash(secrets.token_urlsafe(16))


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored of a bearer token or session cookie: its SHA-256 (the token itself has 256 random bits)."""
    return hashlib.sha256(token.encode()).digest()


def client_secret_digest(secret: str) -> str:
    return _machines.hash(secret)


def password_digest(password: str) -> str:
    """Argon2id with RFC 9106's parameters."""
    return _people.hash(password)


def secret_matches(digest: str | None, secret: str) -> bool:
    """Compare a secret with its argon2 digest. An absent digest costs the same time and is False."""
    try:
        return _people.verify(digest or _ABSENT, secret) and digest is not None
    except (Argon2Error, InvalidHashError):
        return False
