"""The order line: its numbers, its accession and study UIDs, read once for every resource that needs them.

IHE Radiology RAD-4 (OBR-18, ZDS), RAD-28 and RAD-128 (OBX); HL7 v2.5.1 chapter 4.6 (IPC).
https://profiles.ihe.net/RAD/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hl7.datatypes import parse_uid
from hl7.fragments import BusinessKey
from hl7.order_groups import OrderGroup
from hl7.reading import Reading, find_value, parse_field_reference
from hl7.segments.cx_identifier import typed_identifier
from hl7.tables.imaging import (
    AMBIGUOUS_SECTIONS,
    MODALITIES,
    MODALITY_OF_SECTION,
    STUDY_UID_CODES,
    STUDY_UID_WORDS,
)
from hl7.view import Segment

# Where an accession may stand by the standards; two different ones there are a conflict worth a warning.
_EXPLICIT_ACCESSION = frozenset({"IPC-1", "OBR-18"})


@dataclass(frozen=True)
class OrderLine:
    """One group's identity. `key` is None when it has no number at all."""

    group: OrderGroup
    key: BusinessKey | None
    aliases: tuple[BusinessKey, ...]
    placer: str
    filler: str
    accession: str
    accession_from: str
    study_uids: tuple[str, ...]
    modality: str

    def identifiers(self, reading: Reading) -> list[dict[str, Any]]:
        """The order's numbers as Identifier: placer, filler, accession, requested procedure, scheduled step."""
        profile = reading.profile
        segments = self.group.segments()
        step, _ = find_value(segments, ("IPC-4",))
        procedure, _ = find_value(segments, ("IPC-2", "OBR-19"))
        found = [
            typed_identifier(code, profile.system(kind), value)
            for code, kind, value in (
                ("PLAC", "placer-order", self.placer),
                ("FILL", "filler-order", self.filler),
                ("ACSN", "accession", self.accession),
            )
            if value
        ]
        found += [
            {"system": profile.system(kind), "value": value}
            for kind, value in (("requested-procedure", procedure), ("scheduled-step", step))
            if value
        ]
        return found


def read_order_line(group: OrderGroup, reading: Reading) -> OrderLine:
    profile = reading.profile
    segments = group.segments()
    placer, _ = find_value(segments, ("ORC-2", "OBR-2"))
    filler, _ = find_value(segments, ("ORC-3", "OBR-3"))
    accession, accession_from = _accession(segments, reading)
    discriminator, _ = find_value(segments, profile.line_discriminator)
    keys = [
        BusinessKey("ServiceRequest", profile.system(kind), f"{number}^{discriminator}" if discriminator else number)
        for kind, number in (("order-line", filler), ("placer-line", placer), ("accession-line", accession))
        if number
    ]
    # The accession names an order line only where nothing else does.
    aliases = tuple(key for key in keys[1:] if not key.system.endswith("/accession-line"))
    uids = tuple(dict.fromkeys(_study_uids(group, reading)))
    modality = _modality(segments, reading)
    key = keys[0] if keys else None
    return OrderLine(group, key, aliases, placer, filler, accession, accession_from, uids, modality)


def _accession(segments: dict[str, Segment | None], reading: Reading) -> tuple[str, str]:
    """The accession by the profile's order of places; leading zeros stay, and a second opinion is warned about."""
    references = reading.profile.accession_from
    value, place = find_value(segments, references)
    for other in references:
        second, _ = find_value(segments, (other,))
        if other in _EXPLICIT_ACCESSION and place in _EXPLICIT_ACCESSION and second and second != value:
            reading.warn(other, "accession-conflict", f"another accession number than in {place}; {place} counts")
    return value, place


def _study_uids(group: OrderGroup, reading: Reading) -> list[str]:
    """Every Study Instance UID that the group names: IPC-3, ZDS-1, a profile's Z field, or an OBX."""
    everything = [*group.ipcs, *group.zds, *group.others]
    found: list[str] = []
    for reference in reading.profile.study_uid_from:
        name, number, component = parse_field_reference(reference)
        for segment in everything:
            if segment.name == name and (text := segment.get(number, component)):
                found += _uid(text, reference, reading)
    for obx in group.obxs:
        if is_study_uid(obx):
            for rep in obx.field(5).reps():
                found += _uid(rep.get(1), "OBX-5", reading)
    return found


def is_study_uid(obx: Segment) -> bool:
    """Whether an OBX carries a Study Instance UID instead of something to read."""
    code, text = obx.get(3, 1), obx.get(3, 2).upper()
    return code in STUDY_UID_CODES or text in STUDY_UID_WORDS or code.upper() in STUDY_UID_WORDS


def _uid(text: str, location: str, reading: Reading) -> list[str]:
    uid = parse_uid(text)
    if uid is None:
        reading.warn(location, "bad-uid", "not a DICOM UID; it was left out")
        return []
    return [uid]


def _modality(segments: dict[str, Segment | None], reading: Reading) -> str:
    """A DICOM modality: IPC-5 is one; OBR-24 is one by the profile's words, by table 0074, or as it stands."""
    profile = reading.profile
    ipc, _ = find_value(segments, ("IPC-5",))
    section, _ = find_value(segments, ("OBR-24",))
    if ipc.upper() in MODALITIES:
        return ipc.upper()
    if ipc in profile.modality_words:
        return profile.modality_words[ipc]
    if ipc:
        reading.warn("IPC-5", "unknown-code", "a modality that DICOM does not know was left out")
    if section in profile.modality_words:
        return profile.modality_words[section]
    code = section.upper()
    if code in MODALITIES and (profile.modality_in_obr_24 or code not in AMBIGUOUS_SECTIONS):
        return code
    return MODALITY_OF_SECTION.get(code, "")
