"""What imaging remembers between requests: copies of studies, the image store's index, cursors, health of archives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Row, Table, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.storage.database import Database
from fhir_server.storage.imaging_rows import CopyState, EndpointHealth, HarvestCursor, StoredInstance, StudyLocation
from fhir_server.storage.tables import endpoint_health, harvest_cursor, received_study, stored_instance, study_location

RowType = TypeVar("RowType", StudyLocation, StoredInstance, HarvestCursor, EndpointHealth)

_MANY = 500  # values in one IN list


class StudyKeys(Protocol):
    """The exact-match keys of a search for stored studies."""

    @property
    def study_uid(self) -> str | None: ...
    @property
    def patient_id(self) -> str | None: ...
    @property
    def accession_number(self) -> str | None: ...
    @property
    def limit(self) -> int: ...
    @property
    def offset(self) -> int: ...


class StudyLocations:
    """Copies of studies by archive, harvest cursors, and health."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def locations(self, study_uid: str) -> list[StudyLocation]:
        """Every copy of the study that any archive was ever seen to hold."""
        return self.locations_of_many([study_uid]).get(study_uid, [])

    def locations_of_many(self, study_uids: Sequence[str]) -> dict[str, list[StudyLocation]]:
        found: dict[str, list[StudyLocation]] = {}
        with self._database.read() as connection:
            for some in _slices(study_uids):
                rows = connection.execute(select(study_location).where(study_location.c.study_uid.in_(some)))
                for row in rows:
                    found.setdefault(row.study_uid, []).append(_make_location(row))
        return found

    def known(self, endpoint_id: str, study_uids: Sequence[str]) -> dict[str, StudyLocation]:
        """What is known of these studies at one archive."""
        found = self.locations_of_many(study_uids)
        pairs = ((uid, [c for c in copies if c.endpoint_id == endpoint_id]) for uid, copies in found.items())
        return {uid: copies[0] for uid, copies in pairs if copies}

    def save_location(self, location: StudyLocation) -> None:
        self._database.write(lambda c: _upsert(c, study_location, asdict(location), ("study_uid", "endpoint_id")))

    def verify(self, endpoint_id: str, study_uids: Sequence[str], at: int) -> None:
        """The archive still lists these studies, unchanged."""

        def work(connection: Connection) -> None:
            for some in _slices(study_uids):
                here = and_(study_location.c.endpoint_id == endpoint_id, study_location.c.study_uid.in_(some))
                values = {"verified_at": at, "state": CopyState.ONLINE.value}
                connection.execute(update(study_location).where(here).values(**values))

        if study_uids:
            self._database.write(work)

    def mark_missing(self, endpoint_id: str, first_day: str, last_day: str, seen: Sequence[str], at: int) -> int:
        """Copies dated within the days (YYYYMMDD, inclusive) that the archive no longer lists; returns how many."""
        day = study_location.c.study_date  # not BETWEEN: PostgreSQL's grammar refuses a collation within it
        days = and_(day >= first_day, day <= last_day)
        here = and_(study_location.c.endpoint_id == endpoint_id, days, study_location.c.state == CopyState.ONLINE.value)

        def work(connection: Connection) -> int:
            held = set(connection.execute(select(study_location.c.study_uid).where(here)).scalars())
            gone = sorted(held - set(seen))
            for some in _slices(gone):
                which = and_(study_location.c.endpoint_id == endpoint_id, study_location.c.study_uid.in_(some))
                values = {"state": CopyState.MISSING.value, "verified_at": at}
                connection.execute(update(study_location).where(which).values(**values))
            return len(gone)

        return self._database.write(work)

    def cursor(self, endpoint_id: str, window: str) -> HarvestCursor | None:
        here = and_(harvest_cursor.c.endpoint_id == endpoint_id, harvest_cursor.c.window == window)
        with self._database.read() as connection:
            row = connection.execute(select(harvest_cursor).where(here)).one_or_none()
        return None if row is None else _make(HarvestCursor, row)

    def save_cursor(self, cursor: HarvestCursor) -> None:
        self._database.write(lambda c: _upsert(c, harvest_cursor, asdict(cursor), ("endpoint_id", "window")))

    def health(self) -> dict[str, EndpointHealth]:
        """What the last probe of each archive found."""
        with self._database.read() as connection:
            rows = connection.execute(select(endpoint_health)).all()
        return {row.endpoint_id: _make(EndpointHealth, row) for row in rows}

    def save_health(self, health: EndpointHealth) -> None:
        self._database.write(lambda c: _upsert(c, endpoint_health, asdict(health), ("endpoint_id",)))

    def forget_endpoint(self, endpoint_id: str) -> None:
        """Drop everything known of an archive that is no longer registered."""

        def work(connection: Connection) -> None:
            for table in (study_location, harvest_cursor, endpoint_health):
                connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))

        self._database.write(work)


class StoredInstances:
    """The image store's index, and which of its studies are still to be recorded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, instance: StoredInstance) -> None:
        """Index the object (an object sent again replaces itself); its study is due to be recorded."""

        def work(connection: Connection) -> None:
            _upsert(connection, stored_instance, asdict(instance), ("instance_uid",))
            received = {"study_uid": instance.study_uid, "last_received": instance.received_at, "filed_until": 0}
            _upsert(connection, received_study, received, ("study_uid",), keep=("filed_until",))

        self._database.write(work)

    def get(self, instance_uid: str) -> StoredInstance | None:
        with self._database.read() as connection:
            where = stored_instance.c.instance_uid == instance_uid
            row = connection.execute(select(stored_instance).where(where)).one_or_none()
        return None if row is None else _make(StoredInstance, row)

    def of_study(self, study_uid: str, series_uid: str | None = None) -> list[StoredInstance]:
        """The study's (or series') objects, in the order in which they came."""
        where = stored_instance.c.study_uid == study_uid
        if series_uid is not None:
            where = and_(where, stored_instance.c.series_uid == series_uid)
        order = (stored_instance.c.series_uid, stored_instance.c.received_at, stored_instance.c.instance_uid)
        with self._database.read() as connection:
            rows = connection.execute(select(stored_instance).where(where).order_by(*order)).all()
        return [_make(StoredInstance, row) for row in rows]

    def studies(self, query: StudyKeys) -> list[str]:
        """UIDs of stored studies that carry the keys (study dates are not indexed here)."""
        c = stored_instance.c
        asked = {
            c.study_uid: query.study_uid,
            c.patient_id: query.patient_id,
            c.accession_number: query.accession_number,
        }
        where = [column == value for column, value in asked.items() if value]
        statement = select(c.study_uid).where(*where).group_by(c.study_uid).order_by(c.study_uid)
        with self._database.read() as connection:
            return list(connection.execute(statement.limit(query.limit).offset(query.offset)).scalars())

    def quiet_studies(self, before: int, limit: int) -> list[tuple[str, int]]:
        """Studies not yet recorded whose last object came before the instant, with that object's time."""
        c = received_study.c
        where = and_(c.last_received < before, or_(c.filed_until == 0, c.filed_until < c.last_received))
        statement = select(c.study_uid, c.last_received).where(where).order_by(c.last_received).limit(limit)
        with self._database.read() as connection:
            return [(row.study_uid, row.last_received) for row in connection.execute(statement)]

    def mark_filed(self, study_uid: str, until: int) -> None:
        where = received_study.c.study_uid == study_uid
        self._database.write(lambda c: c.execute(update(received_study).where(where).values(filed_until=until)))

    def count(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(stored_instance)).scalar_one())


def _make(kind: type[RowType], row: Row[Any]) -> RowType:
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})


def _make_location(row: Row[Any]) -> StudyLocation:
    values = dict(row._mapping)
    return StudyLocation(**{**values, "state": CopyState(values["state"])})


def _upsert(
    connection: Connection, table: Table, values: dict[str, Any], keys: tuple[str, ...], keep: tuple[str, ...] = ()
) -> None:
    """Insert, or replace every column that is neither a key nor one to `keep`."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in keys and name not in keep}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed))


def _slices(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[i : i + _MANY] for i in range(0, len(values), _MANY))
