"""Attribute matching on the study, series and instance levels, for QIDO-RS and C-FIND alike (DICOM PS3.4 C.2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue

from adapters.emulated_trust.archive import Archive
from adapters.emulated_trust.dataset import make_header
from adapters.emulated_trust.study import StudyPlan

_WILDCARD_VRS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_RANGE_VRS = {"DA", "TM", "DT"}


class Level(StrEnum):
    """Query/Retrieve level (0008,0052)."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


def find_matches(archive: Archive, level: Level, keys: Dataset) -> Iterator[Dataset]:
    """Every entity of the level whose attributes match all keys; each data set holds all that the PACS knows."""
    for plan in archive.studies():
        if _could_match(plan, keys):
            yield from (entity for entity in _entities(plan, level) if matches(entity, keys))


def _could_match(plan: StudyPlan, keys: Dataset) -> bool:
    """Rule most studies out before any header is built."""
    known = {"StudyInstanceUID": plan.study_instance_uid, "PatientID": plan.patient.patient_id,
             "AccessionNumber": plan.accession_number, "StudyDate": plan.started.strftime("%Y%m%d")}  # fmt: skip
    return all(_matches_value(keys[name], value) for name, value in known.items() if name in keys)


def _entities(plan: StudyPlan, level: Level) -> Iterator[Dataset]:
    study = {
        "ModalitiesInStudy": [plan.modality],
        "NumberOfStudyRelatedSeries": len(plan.image_kind.series),
        "NumberOfStudyRelatedInstances": len(plan.instances),
        "InstanceAvailability": "ONLINE",
    }
    if level is Level.STUDY:
        yield _with(make_header(plan, plan.instances[0]), study)
        return
    for _, members in groupby(plan.instances, key=lambda instance: instance.series_number):
        instances = list(members)
        counted = study | {"NumberOfSeriesRelatedInstances": len(instances)}
        wanted = instances[:1] if level is Level.SERIES else instances
        yield from (_with(make_header(plan, instance), counted) for instance in wanted)


def _with(header: Dataset, attributes: dict[str, Any]) -> Dataset:
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def matches(entity: Dataset, keys: Dataset) -> bool:
    """Whether each key with a value matches; a key without a value is only a wish to see the attribute."""
    return all(_matches_element(entity, key) for key in keys if key.keyword not in _NOT_MATCHED)


_NOT_MATCHED = {"QueryRetrieveLevel", "SpecificCharacterSet", "TimezoneOffsetFromUTC", "RetrieveAETitle"}


def _matches_element(entity: Dataset, key: DataElement) -> bool:
    if key.VR == "SQ":
        return _matches_sequence(entity, key)
    if key.is_empty:
        return True
    if key.tag not in entity:
        return False
    value = entity[key.tag].value
    values: Iterable[Any] = value if isinstance(value, MultiValue) else (value,)
    return any(_matches_value(key, str(each)) for each in values)


def _matches_sequence(entity: Dataset, key: DataElement) -> bool:
    wanted = [item for item in key.value if any(not element.is_empty for element in item)]
    if not wanted:
        return True
    held = entity[key.tag].value if key.tag in entity else []
    return any(matches(item, wanted[0]) for item in held)


def _matches_value(key: DataElement, value: str) -> bool:
    if key.is_empty:
        return True
    wanted = key.value if isinstance(key.value, MultiValue) else str(key.value).split("\\")
    return any(_matches_one(key.VR, str(each), value) for each in wanted)


def _matches_one(vr: str, wanted: str, value: str) -> bool:
    if vr in _RANGE_VRS and "-" in wanted:
        low, _, high = wanted.partition("-")
        return (not low or value >= low) and (not high or value[: len(high)] <= high)
    if vr in _RANGE_VRS:
        return value.startswith(wanted) if vr == "TM" else value == wanted
    if vr == "PN":
        wanted, value = wanted.rstrip("^").casefold(), value.casefold()
    if vr in _WILDCARD_VRS and any(mark in wanted for mark in "*?"):
        return fnmatchcase(value, wanted.replace("[", "[[]"))
    return value == wanted
