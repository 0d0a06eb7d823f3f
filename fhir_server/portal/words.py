"""Codes of the record in the words of the pages: modalities, and the states of reports with the colour of their tag."""

from __future__ import annotations

from dataclasses import dataclass

#: Modality codes (DICOM PS3.16 CID 29) that people call by one name.
_MODALITIES = {
    "CT": "CT",
    "MR": "MRI",
    "CR": "X-ray",
    "DX": "X-ray",
    "US": "Ultrasound",
    "NM": "Nuclear medicine",
    "PT": "PET",
    "MG": "Mammography",
    "RF": "Fluoroscopy",
    "XA": "Angiography",
    "IO": "Dental X-ray",
    "PX": "Dental X-ray",
    "ES": "Endoscopy",
    "ECG": "ECG",
    "BMD": "Bone density",
    "DXA": "Bone density",
}
#: What a study holds beside its images.
_NOT_IMAGES = frozenset({"SR", "PR", "KO", "DOC", "SEG", "REG", "RTSTRUCT"})
OTHER = "Other imaging"


@dataclass(frozen=True)
class State:
    """A state as a tag: its words and the tag's colour."""

    words: str
    colour: str


REPORT_STATES = {
    "registered": State("Report expected", "grey"),
    "partial": State("Partial report", "yellow"),
    "preliminary": State("Preliminary report", "yellow"),
    "final": State("Final report", "green"),
    "amended": State("Amended report", "aqua-green"),
    "corrected": State("Corrected report", "purple"),
    "appended": State("Report with addendum", "aqua-green"),
    "cancelled": State("Report cancelled", "red"),
    "entered-in-error": State("Report withdrawn", "red"),
}
#: Reports that say something which may be read as today's.
READABLE = frozenset({"partial", "preliminary", "final", "amended", "corrected", "appended"})
SETTLED = frozenset({"final", "amended", "corrected", "appended"})


def report_state(status: object) -> State:
    """The state of a DiagnosticReport.status."""
    return REPORT_STATES.get(str(status), State("Report, state not known", "grey"))


def modality_words(codes: list[str]) -> tuple[str, ...]:
    """What people call the modalities, without what is not an image; one name when nothing is known."""
    shown = [code for code in codes if code not in _NOT_IMAGES]
    return tuple(dict.fromkeys(_MODALITIES.get(code, code if code.isupper() else OTHER) for code in shown)) or (OTHER,)
