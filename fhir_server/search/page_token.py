"""Page tokens: opaque, URL-safe, good only for the search and the caller that they were made for.

A token says where the next page begins, which may be a person's name (`_sort=family`): with a key it is encrypted, and
so it should be wherever it travels in a URL.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_server.errors import BadRequest
from fhir_server.search.sql import Part
from fhir_server.search.values import Bound

DAMAGED = "The page link is damaged, or belongs to another search or caller."
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Cursor:
    """Where a walk stands: its part, when it began (microseconds UTC), and the order's values of the last match."""

    part: Part
    walk_start: int
    values: tuple[Bound, ...] = ()


@dataclass(frozen=True)
class PageTokens:
    """Makes and reads the tokens of one search by one caller.

    `binding` is the search's fingerprint and whatever identifies the caller's rule; `key` (any length; "" for none)
    encrypts.
    """

    binding: str
    key: bytes = b""

    def make(self, cursor: Cursor) -> str:
        content = [cursor.part.value, cursor.walk_start, *cursor.values]
        plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(self._seal(plain)).rstrip(b"=").decode()

    def read(self, token: str) -> Cursor:
        """Raise BadRequest when the token is damaged, or was made for another search or caller."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            part, walk_start, *values = json.loads(self._open(sealed))
            return Cursor(Part(part), int(walk_start), tuple(values))
        except (ValueError, TypeError, InvalidTag, binascii.Error):
            raise BadRequest(DAMAGED) from None

    def _seal(self, plain: bytes) -> bytes:
        if not self.key:
            return self._tag(plain) + plain
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, plain, self.binding.encode())

    def _open(self, sealed: bytes) -> bytes:
        if self.key:
            return self._cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self.binding.encode())
        tag, plain = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        if tag != self._tag(plain):
            raise ValueError("another search")
        return plain

    def _cipher(self) -> AESGCM:
        return AESGCM(hashlib.sha256(b"page token" + self.key).digest())

    def _tag(self, plain: bytes) -> bytes:
        return hashlib.sha256(self.binding.encode() + b"\n" + plain).digest()[:_NONCE_BYTES]
