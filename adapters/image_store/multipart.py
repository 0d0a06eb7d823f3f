"""Writing multipart/related answers part by part (PS3.18 section 8.6.1.2, RFC 2387), nothing held but a chunk."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

_CHUNK_BYTES = 128 * 1024


class MultipartWriter:
    """One answer: its boundary, and its bytes."""

    def __init__(self, root_type: str) -> None:
        self._boundary = secrets.token_hex(16)
        self.content_type = f'multipart/related; type="{root_type}"; boundary={self._boundary}'

    def write(self, parts: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
        """The body, from (content type, chunks) parts."""
        for content_type, chunks in parts:
            yield f"--{self._boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()
            yield from chunks
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()


def file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            yield block
