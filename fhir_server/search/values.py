"""What one value of a search criterion can do, whatever its type: bind, make SQL, and match a row in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sqlalchemy import ColumnElement, FromClause

Bound = str | int


class Value(ABC):
    """One alternative of a criterion; values of one `shape` differ only in what they bind."""

    def shape(self) -> tuple[object, ...]:
        return ()

    @abstractmethod
    def bound(self) -> tuple[Bound, ...]:
        """The values of the bind parameters, in the order in which `condition` takes them."""

    @abstractmethod
    def condition(self, row: FromClause, binds: tuple[ColumnElement[Any], ...]) -> ColumnElement[bool]:
        """The condition on a row of the type's index table (the parameter number is the caller's)."""

    @abstractmethod
    def matches(self, row: tuple[Any, ...]) -> bool:
        """The same condition on a row of `IndexRows`, without its parameter number."""
