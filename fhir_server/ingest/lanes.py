"""Which lane a message queues in: its patient's, so that one patient's messages are filed in the order received.

Read from the bytes alone and tolerantly: the result is right in any order (composition), only less busy in this one.
"""

from __future__ import annotations

import hashlib
import re

from fhir_server.storage.inbox import Lanes

_PID = re.compile(rb"(?:^|[\r\n])PID(.)[^\r\n]*")
_MRG = re.compile(rb"(?:^|[\r\n])MRG(.)[^\r\n]*")


def lanes_of(raw: bytes, feed: str) -> Lanes:
    """The lane of PID-3's first number, and MRG-1's when there is one. Names of lanes are hashes: no patient data."""
    patient, loser = _first_number(_PID, 3, raw), _first_number(_MRG, 1, raw)
    if not patient:
        return Lanes(_lane(feed, b""))
    return Lanes(_lane(feed, patient), _lane(feed, loser) if loser and loser != patient else "")


def _first_number(segment: re.Pattern[bytes], field: int, raw: bytes) -> bytes:
    found = segment.search(raw)
    if found is None:
        return b""
    fields = found.group(0).lstrip(b"\r\n").split(found.group(1))
    return re.split(rb"[\^~&]", fields[field], maxsplit=1)[0].strip() if len(fields) > field else b""


def _lane(feed: str, number: bytes) -> str:
    return hashlib.sha256(feed.encode() + b"\x00" + number).hexdigest()[:24]
