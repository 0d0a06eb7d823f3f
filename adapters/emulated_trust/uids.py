"""Unique identifiers that are the same in every run: UUID-derived UIDs made from a name (DICOM PS3.5 B.2)."""

from __future__ import annotations

import hashlib


def make_uid(*names: str | int) -> str:
    """A UID under 2.25 for the names. A version 8 UUID (RFC 9562), so that its 128 bits may come from a hash."""
    digest = bytearray(hashlib.sha256("/".join(map(str, names)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
