"""Ask archives, day by day, which studies they hold, and record what is new or changed (QIDO-RS or C-FIND poll).

DICOM has no "modified since": a window of recent study dates is asked again and again, and older days are walked once,
backwards, with a cursor that survives a restart. What an archive says of a study is hashed, so an unchanged study costs
no write beyond its place in one "still there" statement.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from fhir_server.errors import RecordError
from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.dicom_json import number, text
from fhir_server.imaging.imaging_study import study_fragments
from fhir_server.imaging.ports import (
    Archive,
    CopyState,
    DicomJson,
    HarvestCursor,
    HarvestStore,
    Recorder,
    StudyLocation,
    StudyQuery,
    WrongAnswer,
)

logger = logging.getLogger(__name__)

_IDENTITY_TAGS = (
    tags.OTHER_PATIENT_IDS_SEQUENCE,
    tags.ISSUER_OF_PATIENT_ID,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
    tags.TIMEZONE_OFFSET,
)
_PAGE = 100
_PAGES_MAX = 200  # of one span of days: an archive that never ends a list is not followed for ever
_SPAN_DAYS = 7
_EARLIEST = date(1900, 1, 1)


@dataclass(frozen=True)
class HarvestPlan:
    """What one look covers: days back from today, days of backfill behind them (None: all there is), seconds a
    search may take, and how many spans of days one call walks of the backfill."""

    recent_days: int = 3
    backfill_days: int | None = None
    budget: float = 10.0
    spans_max: int = 50


@dataclass
class HarvestCount:
    """What one look found."""

    seen: int = 0
    recorded: int = 0
    missing: int = 0
    unclear: int = 0
    problem: str = ""


class Harvester:
    """Harvests archives into the record."""

    def __init__(self, store: HarvestStore, recorder: Recorder, plan: HarvestPlan | None = None) -> None:
        self._store = store
        self._recorder = recorder
        self._plan = plan or HarvestPlan()

    def harvest_once(self, archive: Archive, today: date) -> HarvestCount:
        """One look at the recent days, then some more of the backfill. Raises nothing for what the archive does:
        the count names the problem, and the next call goes on where this one stopped."""
        count = HarvestCount()
        try:
            first = today - timedelta(days=self._plan.recent_days - 1)
            self._span(archive, first, today + timedelta(days=1), count)  # a clock may run ahead
            self._save(archive, "recent", today, complete=True)
            self._backfill(archive, first, count)
        except RecordError as error:
            count.problem = str(error)
            logger.warning("harvest stopped", extra={"endpoint": archive.endpoint.endpoint_id, "problem": str(error)})
        return count

    def sweep(self, archive: Archive, today: date, days: int) -> HarvestCount:
        """A wider look, for late changes."""
        count = HarvestCount()
        try:
            self._span(archive, today - timedelta(days=days), today + timedelta(days=1), count)
        except RecordError as error:
            count.problem = str(error)
        return count

    def harvest_study(self, archive: Archive, study_uid: str) -> bool:
        """Look at one study now; whether the archive holds it."""
        rows = archive.search_studies(StudyQuery(study_uid=study_uid, limit=1), self._plan.budget)
        for row in rows:
            self._record(archive, row)
        return bool(rows)

    def _backfill(self, archive: Archive, before: date, count: HarvestCount) -> None:
        cursor = self._store.cursor(archive.endpoint.endpoint_id, "backfill")
        if cursor is not None and cursor.complete:
            return
        end = _day(cursor.position) if cursor else before - timedelta(days=1)
        oldest = None if self._plan.backfill_days is None else before - timedelta(days=self._plan.backfill_days)
        for _ in range(self._plan.spans_max):
            if (oldest is not None and end < oldest) or not self._has_older(archive, end):
                self._save(archive, "backfill", end, complete=True)
                return
            end = self._walk_back(archive, end, oldest, count)
            self._save(archive, "backfill", end, complete=False)

    def _walk_back(self, archive: Archive, end: date, oldest: date | None, count: HarvestCount) -> date:
        """Record the days up to `end` and return the next day to walk back from."""
        first = end - timedelta(days=_SPAN_DAYS - 1)
        if oldest is not None:
            first = max(first, oldest)
        seen = count.seen
        self._span(archive, first, end, count)
        if count.seen > seen:
            return first - timedelta(days=1)
        # Nothing here: leap to where the archive has anything, halving the step until it finds some.
        return self._leap(archive, first - timedelta(days=1))

    def _leap(self, archive: Archive, end: date) -> date:
        step = 4096
        while step >= _SPAN_DAYS:
            first = _back(end, step)
            if not archive.search_studies(StudyQuery(date_from=first, date_to=end, limit=1), self._plan.budget):
                if first == _EARLIEST:
                    return end
                end = first - timedelta(days=1)
            else:
                step //= 2
        return end

    def _has_older(self, archive: Archive, end: date) -> bool:
        return bool(archive.search_studies(StudyQuery(date_to=end, limit=1), self._plan.budget))

    def _span(self, archive: Archive, first: date, last: date, count: HarvestCount) -> None:
        seen: list[str] = []
        unchanged: list[str] = []
        for page in self._pages(archive, first, last):
            uids = [text(row, tags.STUDY_INSTANCE_UID) for row in page]
            known = self._store.known(archive.endpoint.endpoint_id, uids)
            for row, uid in zip(page, uids, strict=True):
                if self._is_unchanged(row, known.get(uid)):
                    unchanged.append(uid)
                else:
                    self._try(archive, row, count)
            seen += uids
        count.seen += len(seen)
        endpoint_id = archive.endpoint.endpoint_id
        self._store.verify(endpoint_id, unchanged, _now())
        count.missing += self._store.mark_missing(endpoint_id, _digits(first), _digits(last), seen, _now())

    def _pages(self, archive: Archive, first: date, last: date) -> Iterator[list[DicomJson]]:
        """Pages of study rows. An archive's order may shift between pages, so a row may come twice; a short page
        ends the list, and so does one that brings nothing new (an archive that ignores `offset`)."""
        seen: set[str] = set()
        for page_number in range(_PAGES_MAX):
            query = StudyQuery(date_from=first, date_to=last, limit=_PAGE, offset=page_number * _PAGE)
            rows = archive.search_studies(query, self._plan.budget)
            fresh = [row for row in rows if text(row, tags.STUDY_INSTANCE_UID) not in seen]
            seen.update(text(row, tags.STUDY_INSTANCE_UID) for row in fresh)
            if fresh:
                yield fresh
            if len(rows) < _PAGE or not fresh:
                return

    @staticmethod
    def _is_unchanged(row: DicomJson, known: StudyLocation | None) -> bool:
        counted = number(row, tags.NUMBER_OF_STUDY_INSTANCES) is not None  # without a count, growth would go unseen
        return known is not None and counted and known.rows_hash == rows_hash(row) and known.state != CopyState.MISSING

    def _try(self, archive: Archive, row: DicomJson, count: HarvestCount) -> None:
        """One study that the archive cannot explain does not stop the others; it comes again with the next look."""
        try:
            self._record(archive, row)
            count.recorded += 1
        except WrongAnswer as error:
            count.unclear += 1
            endpoint_id = archive.endpoint.endpoint_id
            logger.warning("study not recorded", extra={"endpoint": endpoint_id, "problem": str(error)})

    def _record(self, archive: Archive, row: DicomJson) -> None:
        """Record the study, then the copy: if the process dies between the two, the study is recorded again."""
        uid = text(row, tags.STUDY_INSTANCE_UID)
        series = archive.search_series(uid, self._plan.budget)
        told = {**self._identity(archive, row, series), **row}
        endpoint, now = archive.endpoint, datetime.now(UTC)
        fragments = study_fragments(told, series, endpoint, now)
        self._recorder.record_fragments(fragments, source=f"pacs:{endpoint.endpoint_id}", observed_at=now)
        self._store.save_location(make_location(row, series, endpoint.endpoint_id, endpoint.patient_issuer))

    def _identity(self, archive: Archive, row: DicomJson, series: list[DicomJson]) -> DicomJson:
        """What tells who the person is, from an object's header when the row leaves it out."""
        if tags.OTHER_PATIENT_IDS_SEQUENCE in row or not series:
            return {}
        series_uid = text(series[0], tags.SERIES_INSTANCE_UID)
        header = archive.read_header(text(row, tags.STUDY_INSTANCE_UID), series_uid, self._plan.budget)
        same_person = text(header, tags.PATIENT_ID) == text(row, tags.PATIENT_ID)
        return {tag: header[tag] for tag in _IDENTITY_TAGS if tag in header} if same_person else {}

    def _save(self, archive: Archive, window: str, position: date, *, complete: bool) -> None:
        cursor = HarvestCursor(archive.endpoint.endpoint_id, window, _digits(position), complete, _now())
        self._store.save_cursor(cursor)


def make_location(row: DicomJson, series: list[DicomJson], endpoint_id: str, patient_issuer: str) -> StudyLocation:
    """The copy that these rows describe."""
    counts = [number(s, tags.NUMBER_OF_SERIES_INSTANCES) or 0 for s in series]
    return StudyLocation(
        study_uid=text(row, tags.STUDY_INSTANCE_UID),
        endpoint_id=endpoint_id,
        state=CopyState.ONLINE,
        series_count=number(row, tags.NUMBER_OF_STUDY_SERIES) or len(series),
        instance_count=number(row, tags.NUMBER_OF_STUDY_INSTANCES) or sum(counts),
        study_date=text(row, tags.STUDY_DATE).replace(".", ""),
        local_patient_id=text(row, tags.PATIENT_ID),
        patient_issuer=patient_issuer,
        rows_hash=rows_hash(row),
        verified_at=_now(),
    )


def rows_hash(row: DicomJson) -> str:
    """A hash of what the row says of the study; addresses and availability may change without the study changing."""
    kept = {tag: row[tag] for tag in sorted(row) if tag not in (tags.RETRIEVE_URL, tags.INSTANCE_AVAILABILITY)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def _digits(day: date) -> str:
    return day.strftime("%Y%m%d").zfill(8)


def _day(digits: str) -> date:
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def _back(day: date, days: int) -> date:
    return max(day - timedelta(days=days), _EARLIEST)
