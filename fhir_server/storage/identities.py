"""Source identities, merges and the identity worklist in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.storage.contribution_rows import Identity, Merge, Name
from fhir_server.storage.tables.identity import identity_conflict, identity_event, retired_patient, source_identity

_FACTS = ("custodian", "patient_id", "home_patient_id", "merged", "nhs_number", "birth_date", "contradicts_itself")


_S, _E = source_identity.c, identity_event.c
_IN_FORCE = and_(_E.reversed_at.is_(None), _E.kind.in_(["merge", "change-identifier"]))
_NAME: dict[str, Any] = {"system": bindparam("system"), "value": bindparam("value")}

# Built once: the statements of the hot path cost nothing to construct.
_FIND = select(source_identity).where(_S.system == _NAME["system"], _S.value == _NAME["value"])
_OF_NUMBER = select(source_identity).where(_S.nhs_number == bindparam("nhs_number")).order_by(_S.system, _S.value)
_OF_PATIENT = (
    select(source_identity)
    .where(or_(_S.patient_id == bindparam("patient_id"), _S.home_patient_id == bindparam("patient_id")))
    .order_by(_S.system, _S.value)
)
_MERGES = select(identity_event).where(_IN_FORCE).order_by(_E.event_time, _E.event_id)
_OF_LOSER = _MERGES.where(_E.loser_system == _NAME["system"], _E.loser_value == _NAME["value"])
_OF_SURVIVOR = _MERGES.where(_E.survivor_system == _NAME["system"], _E.survivor_value == _NAME["value"])


def _identity(row: Any) -> Identity:
    values = {f: getattr(row, f) for f in _FACTS}
    values |= {"merged": bool(row.merged), "contradicts_itself": bool(row.contradicts_itself)}
    return Identity(Name(row.system, row.value), **values)


def find(connection: Connection, name: Name) -> Identity | None:
    """The source identity with this name."""
    row = connection.execute(_FIND, name._asdict()).one_or_none()
    return None if row is None else _identity(row)


def save(connection: Connection, identity: Identity) -> None:
    """Keep the identity as it resolves now."""
    key = identity.name._asdict()
    facts = {f: getattr(identity, f) for f in _FACTS}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(source_identity).values(key | facts)
    connection.execute(statement.on_conflict_do_update(index_elements=["system", "value"], set_=facts))


def of_nhs_number(connection: Connection, nhs_number: str) -> list[Identity]:
    """Every identity that carries the verified number."""
    if not nhs_number:
        return []
    return [_identity(row) for row in connection.execute(_OF_NUMBER, {"nhs_number": nhs_number})]


def of_patient(connection: Connection, patient_id: str) -> list[Identity]:
    """Every identity that belongs to the regional Patient, by itself or by a merge."""
    return [_identity(row) for row in connection.execute(_OF_PATIENT, {"patient_id": patient_id})]


def count_at_home(connection: Connection, patient_id: str, other_than: Name) -> int:
    """How many other identities belong to the Patient by themselves."""
    c = source_identity.c
    statement = select(func.count()).where(
        c.home_patient_id == patient_id, or_(c.system != other_than.system, c.value != other_than.value)
    )
    return int(connection.execute(statement).scalar_one())


def add_event(connection: Connection, event: Merge, recorded_at: int) -> None:
    """Write an event into the log."""
    connection.execute(
        insert(identity_event),
        {
            "event_id": event.event_id, "kind": event.kind, "source": event.source, "message_id": event.message_id,
            "survivor_system": event.survivor.system, "survivor_value": event.survivor.value,
            "loser_system": event.loser.system, "loser_value": event.loser.value,
            "event_time": event.event_time, "recorded_at": recorded_at, "reversed_at": None,
        },
    )  # fmt: skip


def merges_of_loser(connection: Connection, loser: Name) -> list[Merge]:
    """The merges in force that say where the identity went, the newest event last."""
    return [_merge(row) for row in connection.execute(_OF_LOSER, loser._asdict())]


def merges_of_survivor(connection: Connection, survivor: Name) -> list[Merge]:
    """The merges in force into the identity."""
    return [_merge(row) for row in connection.execute(_OF_SURVIVOR, survivor._asdict())]


def _merge(row: Any) -> Merge:
    survivor, loser = Name(row.survivor_system, row.survivor_value), Name(row.loser_system, row.loser_value)
    return Merge(row.event_id, row.kind, survivor, loser, row.source, row.message_id, row.event_time)


def reverse_event(connection: Connection, event_id: str, reversed_at: int) -> None:
    """The event is no longer in force; the log keeps it."""
    connection.execute(
        update(identity_event).where(identity_event.c.event_id == event_id).values(reversed_at=reversed_at)
    )


def forget_events_of_message(connection: Connection, message_id: str) -> list[Name]:
    """Take back what a message said about merges, before it is filed again; the losers' names."""
    c = identity_event.c
    statement = select(c.loser_system, c.loser_value).where(c.message_id == message_id)
    losers = [Name(*row) for row in connection.execute(statement)]
    if losers:
        connection.execute(delete(identity_event).where(c.message_id == message_id))
    return losers


def open_conflict(connection: Connection, values: dict[str, Any]) -> None:
    """Put a conflict on the worklist, or open it again."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(identity_conflict).values(values | {"closed_at": None})
    again = {"closed_at": None, "patient_id": values["patient_id"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["conflict_id"], set_=again))


def close_conflict(connection: Connection, conflict_id: str, closed_at: int) -> None:
    """What the conflict was about is no longer so."""
    c = identity_conflict.c
    where = (c.conflict_id == conflict_id, c.closed_at.is_(None))
    connection.execute(update(identity_conflict).where(*where).values(closed_at=closed_at))


def open_conflicts(connection: Connection, limit: int = 100) -> list[dict[str, Any]]:
    """The identity worklist, oldest first."""
    c = identity_conflict.c
    statement = select(identity_conflict).where(c.closed_at.is_(None)).order_by(c.opened_at, c.conflict_id).limit(limit)
    return [dict(row._mapping) for row in connection.execute(statement)]


def retire_patient(connection: Connection, patient_id: str, replaced_by: str, at: int) -> None:
    """Nobody belongs to the regional Patient any more: look at the other one."""
    values = {"patient_id": patient_id, "replaced_by": replaced_by, "retired_at": at}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement: Any = dialect.insert(retired_patient).values(values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["patient_id"], set_={"replaced_by": replaced_by})
    )


def unretire_patient(connection: Connection, patient_id: str) -> None:
    connection.execute(delete(retired_patient).where(retired_patient.c.patient_id == patient_id))


def replacement_of(connection: Connection, patient_id: str) -> str | None:
    """The Patient to look at instead of a retired one."""
    statement = select(retired_patient.c.replaced_by).where(retired_patient.c.patient_id == patient_id)
    return connection.execute(statement).scalar_one_or_none()


def replaced_by(connection: Connection, patient_id: str) -> list[str]:
    """The retired Patients whose place this one took."""
    c = retired_patient.c
    statement = select(c.patient_id).where(c.replaced_by == patient_id).order_by(c.patient_id)
    return list(connection.execute(statement).scalars())
