"""The index rows of one resource: what extraction makes of a document and storage keeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class IndexRows:
    """Rows by search-parameter type; `parameter` is conformance.definitions' number of (type, code).

    Times are microseconds since 1970 UTC, periods half open [low, high). A system of "" means none.
    """

    token: frozenset[tuple[int, str, str]] = field(default_factory=frozenset)  # parameter, code, system URI
    string: frozenset[tuple[int, str, str]] = field(default_factory=frozenset)  # parameter, folded, exact
    date: frozenset[tuple[int, int, int]] = field(default_factory=frozenset)  # parameter, low, high
    reference: frozenset[tuple[int, str, str | None]] = field(default_factory=frozenset)  # parameter, target, version
    uri: frozenset[tuple[int, str]] = field(default_factory=frozenset)  # parameter, value


#: Raised when extraction changes what it writes; `imaging-record reindex` finds the rows of older versions.
INDEX_VERSION = 1

EMPTY = IndexRows()
