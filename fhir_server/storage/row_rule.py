"""The port through which storage takes an access rule without knowing who is calling (`access.predicate` fills it)."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import ColumnElement


class RowRule(Protocol):
    """What `access.predicate.AccessRule` offers to statements. `resource_type` "*": the caller checked the type."""

    @property
    def shape(self) -> tuple[object, ...]: ...

    @property
    def parameters(self) -> dict[str, Any]: ...

    def may_read(self, row: Any, resource_type: str | None = None) -> ColumnElement[bool]: ...
