"""Compiled statements by shape: a search that differs only in its values costs no SQLAlchemy at all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select

PLANS_MAX = 2000


@dataclass(frozen=True)
class Plan:
    """SQL text for one dialect; `fixed` are the parameters that the statement brings with it."""

    sql: str
    fixed: Mapping[str, Any]
    positions: tuple[str, ...] | None

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        """All rows, with values for the open parameters."""
        values = {**self.fixed, **parameters}
        if self.positions is None:
            return list(connection.exec_driver_sql(self.sql, values))
        return list(connection.exec_driver_sql(self.sql, tuple([values[name] for name in self.positions])))


class Plans:
    """Plans by key; when it is full it starts anew. Reading needs no lock: the worst is compiling twice."""

    def __init__(self) -> None:
        self._plans: dict[Hashable, Plan] = {}

    def run(
        self, connection: Connection, key: Hashable, make: Callable[[], Select[Any]], parameters: Mapping[str, Any]
    ) -> list[Row[Any]]:
        """All rows of the statement that `make()` gives when no plan has the key yet."""
        whole_key = (connection.dialect.name, key)
        plan = self._plans.get(whole_key)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans = {}
            plan = self._plans[whole_key] = compile_plan(make(), connection.dialect, frozenset(parameters))
        return plan.run(connection, parameters)


def compile_plan(statement: Select[Any], dialect: Dialect, open_names: frozenset[str]) -> Plan:
    """The statement as the dialect's text; the parameters of `open_names` are given at each run."""
    # Writing constants into the text wants a value for every parameter; these are placeholders.
    state = statement.compile(dialect=dialect).construct_expanded_state(dict.fromkeys(open_names, ""))
    fixed = {name: value for name, value in state.parameters.items() if name not in open_names}
    positions = state.positiontup
    return Plan(state.statement, fixed, None if positions is None else tuple(positions))
