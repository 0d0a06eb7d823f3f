"""QIDO-RS, Search Transaction (PS3.18 section 10.6): which keys are understood, and what they mean over the record.

Strict: a key that is not understood is an error (design decision 8), for an ignored filter shows others' studies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fhir_server.access.caller import Caller, CallerKind
from fhir_server.errors import BadRequest, Forbidden, UnsupportedParameter
from fhir_server.storage.imaging_studies import ImagingStudies, StudyFilter
from terminology.nhs_number import normalise_nhs_number
from terminology.systems import NHS_NUMBER

_LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
_ZONE = ZoneInfo("Europe/London")

STUDY_KEYS = {
    "StudyInstanceUID": "0020000D",
    "PatientID": "00100020",
    "AccessionNumber": "00080050",
    "StudyDate": "00080020",
    "ModalitiesInStudy": "00080061",
}
SERIES_KEYS = {"SeriesInstanceUID": "0020000E", "Modality": "00080060", "SeriesNumber": "00200011"}
INSTANCE_KEYS = {"SOPInstanceUID": "00080018", "SOPClassUID": "00080016", "InstanceNumber": "00200013"}


@dataclass(frozen=True)
class Asked:
    """A query string, read: keys by keyword, and the page."""

    keys: Mapping[str, str]
    limit: int
    offset: int
    fuzzy: bool


def read_query(pairs: Iterable[tuple[str, str]], known: Mapping[str, str]) -> Asked:
    """Read (name, value) pairs; a name may be a keyword or a tag. UnsupportedParameter or BadRequest otherwise."""
    by_name = {**{keyword: keyword for keyword in known}, **{tag: keyword for keyword, tag in known.items()}}
    keys: dict[str, str] = {}
    page = {"limit": _LIMIT_DEFAULT, "offset": 0}
    fuzzy = False
    for name, value in pairs:
        if name in page:
            page[name] = _count(name, value)
        elif name == "fuzzymatching":
            fuzzy = value == "true"
        elif name in by_name:
            _add(keys, by_name[name], value)
        elif name != "includefield":  # every attribute that the record has is always included
            raise UnsupportedParameter(f"The search key {name[:64]} is not supported here.", "http.query")
    return Asked(keys, min(page["limit"], LIMIT_MAX) or LIMIT_MAX, page["offset"], fuzzy)


def _add(keys: dict[str, str], keyword: str, value: str) -> None:
    if not value:
        return  # universal matching (PS3.4 C.2.2.2.3): an empty key asks nothing
    if keyword in keys:
        raise BadRequest(f"The search key {keyword} is given twice.", f"http.{keyword}")
    if "*" in value or "?" in value:
        raise UnsupportedParameter(f"Wildcards are not supported for {keyword}.", f"http.{keyword}")
    keys[keyword] = value


def _count(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise BadRequest(f"The parameter {name} needs a number that is not negative.", f"http.{name}")
    return int(value)


def study_filter(asked: Asked, caller: Caller, studies: ImagingStudies) -> StudyFilter:
    """The search over the record. A person must name whose or which studies: nobody browses all patients."""
    keys = asked.keys
    named = {"StudyInstanceUID", "PatientID", "AccessionNumber"} & set(keys)
    if caller.kind == CallerKind.USER and not named:
        raise BadRequest("Name a patient, a study or an accession number to search for.", "http.query")
    return StudyFilter(
        study_uids=_listed(keys.get("StudyInstanceUID")),
        patient_ids=_patients(keys.get("PatientID"), caller, studies),
        accession_number=keys.get("AccessionNumber"),
        started=_days(keys.get("StudyDate")),
        modalities=_listed(keys.get("ModalitiesInStudy")),
    )


def _listed(value: str | None) -> tuple[str, ...] | None:
    """List of UID matching (PS3.4 C.2.2.2.2): both separators that are in use."""
    if value is None:
        return None
    listed = tuple(v.strip() for v in value.replace("\\", ",").split(",") if v.strip())
    if len(listed) > LIMIT_MAX:
        raise BadRequest(f"A search key takes at most {LIMIT_MAX} values.", "http.query")
    return listed


def _patients(value: str | None, caller: Caller, studies: ImagingStudies) -> tuple[str, ...] | None:
    if value is None:
        return None
    number = normalise_nhs_number(value)
    found = studies.patient_ids(number, NHS_NUMBER) if number.isdecimal() else studies.patient_ids(value, NHS_NUMBER)
    if caller.patient_id is not None and caller.patient_id not in found:
        raise Forbidden("The caller's access is bound to another patient.")
    return found


def _days(value: str | None) -> tuple[int, int] | None:
    """A date or range of dates as [low, high) in microseconds since 1970 UTC; a day is a UK day."""
    if value is None:
        return None
    low, dash, high = value.partition("-")
    first = _day(low) if low else date(1800, 1, 1)
    last = _day(high) if high else (date(9998, 1, 1) if dash else first)
    return _instant(first), _instant(min(last, date(9998, 12, 31)) + timedelta(days=1))


def _day(text: str) -> date:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007
    except ValueError as error:
        raise BadRequest("StudyDate is YYYYMMDD or YYYYMMDD-YYYYMMDD.", "http.StudyDate") from error


def _instant(day: date) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=_ZONE)
    return int(moment.timestamp()) * 1_000_000
