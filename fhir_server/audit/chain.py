"""The spool's line format and its hash chain: each line covers the one before, so none can be taken out or changed.

A line is `{"position":N,"chain":"<hex>","disclosure":{...}}` and a newline; chain N is the SHA-256 of chain N-1 and
the disclosure's bytes. The chain of a writer starts at the SHA-256 of its name.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import Any

import msgspec

from fhir_server.audit.disclosure import Disclosure

_encoder = msgspec.json.Encoder()
_disclosure_decoder = msgspec.json.Decoder(Disclosure)


class SpoolLine(msgspec.Struct, frozen=True):
    """One line as read back; `disclosure` is the very bytes that the chain covers."""

    position: int
    chain: str
    disclosure: msgspec.Raw


_line_decoder = msgspec.json.Decoder(SpoolLine)


def first_link(writer: str) -> bytes:
    """What the first line of a writer is chained to."""
    return hashlib.sha256(writer.encode()).digest()


def next_link(previous: bytes, payload: bytes) -> bytes:
    """The chain value (32 bytes) of a disclosure that follows `previous`."""
    return hashlib.sha256(previous + payload).digest()


def encode_disclosure(disclosure: Disclosure) -> bytes:
    """The bytes that are spooled and chained; bytes of a request that are not UTF-8 are written as escapes."""
    try:
        return _encoder.encode(disclosure)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(disclosure))


def _without_surrogates(disclosure: Disclosure) -> Disclosure:
    """Python keeps bytes that it could not decode as lone surrogates, which JSON cannot say."""
    texts: dict[str, Any] = {f.name: getattr(disclosure, f.name) for f in fields(disclosure)}
    changed = {k: v.encode("utf-8", "backslashreplace").decode() for k, v in texts.items() if isinstance(v, str)}
    return replace(disclosure, **texts | changed)


def decode_disclosure(payload: bytes) -> Disclosure:
    """Raises ValueError when the bytes are not a disclosure."""
    return _disclosure_decoder.decode(payload)


def encode_line(position: int, link: bytes, payload: bytes) -> bytes:
    return b'{"position":%d,"chain":"%s","disclosure":%s}\n' % (position, link.hex().encode(), payload)


def decode_line(line: bytes) -> SpoolLine:
    """Raises ValueError when the bytes are not a whole line."""
    return _line_decoder.decode(line)
