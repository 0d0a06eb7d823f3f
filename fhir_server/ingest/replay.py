"""Replay: messages are filed again, e.g. after a profile was corrected. What they said before is taken back first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_server.ingest.lanes import lanes_of
from fhir_server.storage import inbox
from fhir_server.storage.unit_of_work import Storage

_CHUNK = 200


@dataclass(frozen=True)
class ReplayFilter:
    """Which messages: by feed ("" is unregistered senders), state, quarantine reason, and time received (UTC us)."""

    feed: str | None = None
    state: str | None = None
    reason: str | None = None
    since: int | None = None
    limit: int = 100_000


def replay(storage: Storage, messages: Sequence[str] | ReplayFilter) -> int:
    """Put messages (ids, or all that a filter finds) back to be filed; how many. Those that wait already stay."""
    if isinstance(messages, ReplayFilter):
        with storage.database.read() as connection:
            found = inbox.find_messages(connection, **vars(messages))
        messages = [message_id for message_id, _received_at in found]
    count = 0
    for start in range(0, len(messages), _CHUNK):
        count += _put_back(storage, messages[start : start + _CHUNK])
    return count


def _put_back(storage: Storage, message_ids: Sequence[str]) -> int:
    return storage.database.write(lambda connection: inbox.put_back_all(connection, message_ids, lanes_of))
