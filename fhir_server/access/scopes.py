"""SMART App Launch 2.2 scopes: `system/Patient.rs`, `user/*.cruds`, and version 1's `.read`, `.write`, `.*`.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True)
class Scope:
    """One granted scope; `permissions` is a subset of the letters `cruds`."""

    level: str
    resource_type: str
    permissions: str


def parse_scope(text: str) -> Scope:
    """Parse one scope; ValueError when the grammar is broken (letters out of order are never partly granted)."""
    match = _SCOPE.fullmatch(text)
    if match is None or not match[3]:
        raise ValueError(f"not a SMART scope: {text}")
    return Scope(match[1], match[2], _VERSION_1.get(match[3], match[3]))


@dataclass(frozen=True)
class ScopeSet:
    """The union of a caller's scopes."""

    scopes: tuple[Scope, ...]

    def allows(self, resource_type: str, permission: str) -> bool:
        """Whether some scope grants the permission letter on the type."""
        return any(s.resource_type in ("*", resource_type) and permission in s.permissions for s in self.scopes)

    def types(self, permission: str) -> frozenset[str] | None:
        """The types on which the permission is granted; None means every type."""
        names = {s.resource_type for s in self.scopes if permission in s.permissions}
        return None if "*" in names else frozenset(names)

    def at(self, *levels: str) -> ScopeSet:
        """The scopes of these levels alone."""
        return ScopeSet(tuple(s for s in self.scopes if s.level in levels))

    def within(self, allowed: ScopeSet) -> bool:
        """Whether every permission asked for here is covered by `allowed` at the same level."""
        return all(
            any(
                a.level == s.level
                and a.resource_type in ("*", s.resource_type)
                and set(s.permissions) <= set(a.permissions)
                for a in allowed.scopes
            )
            for s in self.scopes
        )


@lru_cache(maxsize=1024)
def parse_scopes(text: str) -> ScopeSet:
    """Parse a space-separated scope string; duplicates are harmless (ValueError as `parse_scope`)."""
    return ScopeSet(tuple(parse_scope(word) for word in dict.fromkeys(text.split())))
