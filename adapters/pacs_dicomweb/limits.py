"""How long and how much we ask of one archive: the limits that protect it, and us, from each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes. `connections` is a hard limit: further requests wait `queue_s`, then fail."""

    connections: int = 8
    queue_s: float = 5.0
    connect_s: float = 2.0
    first_byte_s: float = 5.0
    idle_s: float = 20.0
    json_bytes_max: int = 256 * 1024 * 1024
    chunk_bytes: int = 128 * 1024
