"""The access rule of one caller, compiled into SQL (design decision 9): *may know* and *may read*.

Every statement that touches `resource`, `resource_version` or a join of them takes its conditions from here; there
is no other filter. Two callers of the same `shape` share the SQL text and differ only in `parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, exists, false, literal_column, or_, select, true
from sqlalchemy.sql.expression import ColumnCollection

from fhir_server.access.caller import Caller
from fhir_server.access.policy import impersonal_types
from fhir_server.errors import Forbidden
from fhir_server.storage.tables import resource_patient


class AccessRow(Protocol):
    """`resource`, `resource_version` or an alias of one: anything that carries the access columns."""

    @property
    def c(self) -> ColumnCollection[Any, Any]: ...


@dataclass(frozen=True)
class AccessRule:
    """What a caller may know of and read, as SQL conditions over the access columns of a row."""

    types: frozenset[str] | None  # None: every type
    trust: str | None
    patient_id: str | None
    unrestricted: bool = False  # the record's own services

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """Equal shapes compile to the same SQL."""
        return (self.types, self.trust is not None, self.patient_id is not None, self.unrestricted)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Values of the bind parameters that the conditions name."""
        values: dict[str, Any] = {}
        if self.trust is not None:
            values["caller_trust"] = self.trust
        if self.patient_id is not None:
            values["caller_patient"] = self.patient_id
        return values

    def allows_type(self, resource_type: str) -> bool:
        return self.types is None or resource_type in self.types

    def require_type(self, resource_type: str) -> None:
        """Raise Forbidden (403) when the caller may never see rows of the type."""
        if not self.allows_type(resource_type):
            raise Forbidden(f"The caller's scopes do not cover {resource_type}.")

    def may_read(self, row: AccessRow, resource_type: str | None = None) -> ColumnElement[bool]:
        """Condition on `row`: the caller may read it.

        Name the type when the statement already fixes it, "*" when `require_type` was asked before.
        """
        if self.unrestricted:
            return true()
        conditions = [
            self._type_condition(row, resource_type),
            self._seal_condition(row),
            self._patient_condition(row, resource_type),
        ]
        return and_(*[c for c in conditions if c is not None]) if any(c is not None for c in conditions) else true()

    def may_know(self, row: AccessRow, resource_type: str | None = None) -> ColumnElement[bool]:
        """Condition on `row`: the caller may learn that it exists. Today the same rows as `may_read`."""
        return self.may_read(row, resource_type)

    def _type_condition(self, row: AccessRow, resource_type: str | None) -> ColumnElement[bool] | None:
        if self.types is None or resource_type == "*":
            return None
        if resource_type is not None:
            return None if resource_type in self.types else false()
        allowed: ColumnElement[bool] = row.c.resource_type.in_(sorted(self.types))
        return allowed

    def _seal_condition(self, row: AccessRow) -> ColumnElement[bool]:
        open_to_all: ColumnElement[bool] = row.c.sealed == 0
        if self.trust is None:
            return open_to_all
        return or_(open_to_all, row.c.custodian == bindparam("caller_trust", unique=False))

    def _patient_condition(self, row: AccessRow, resource_type: str | None) -> ColumnElement[bool] | None:
        """A caller bound to one patient sees rows about that patient alone, and impersonal rows about no patient."""
        if self.patient_id is None:
            return None
        mine: BindParameter[str] = bindparam("caller_patient", unique=False)
        impersonal = _is_impersonal(row, resource_type)
        if "patient_count" not in row.c:
            about_nobody = and_(row.c.patient_id.is_(None), row.c.patient_ids.is_(None))
            return or_(row.c.patient_id == mine, and_(about_nobody, impersonal))
        others = exists(
            select(resource_patient.c.patient_id).where(
                resource_patient.c.resource_key == row.c.resource_key, resource_patient.c.patient_id != mine
            )
        )
        return or_(
            row.c.patient_id == mine,
            and_(row.c.patient_count == 0, impersonal),
            and_(row.c.patient_count > 1, ~others),
        )


def _is_impersonal(row: AccessRow, resource_type: str | None) -> ColumnElement[bool]:
    if resource_type in (None, "*"):
        names: list[ColumnElement[str]] = [literal_column(f"'{name}'") for name in sorted(impersonal_types())]
        found: ColumnElement[bool] = row.c.resource_type.in_(names)
        return found
    return true() if resource_type in impersonal_types() else false()


@lru_cache(maxsize=4096)
def make_access_rule(caller: Caller, permission: str) -> AccessRule:
    """The rule of a caller for one permission letter of SMART (`r` for read, vread, history; `s` for search)."""
    if caller.kind == "service":
        return AccessRule(None, None, None, unrestricted=True)
    return AccessRule(caller.scopes.types(permission), caller.trust, caller.patient_id)
