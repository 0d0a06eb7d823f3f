"""A signed assertion is good once, on both databases (RFC 7523 section 3)."""

from __future__ import annotations

from fhir_server.storage.accounts import Accounts, now_us
from fhir_server.storage.database import Database


def test_assertion_is_taken_once(store_url: str) -> None:
    database = Database(store_url)
    accounts, expires = Accounts(database), now_us() + 60_000_000
    assert accounts.use_assertion("epr", "first", expires)
    assert not accounts.use_assertion("epr", "first", expires)
    assert accounts.use_assertion("epr", "second", expires)
    assert accounts.use_assertion("another", "first", expires)
    database.close()
