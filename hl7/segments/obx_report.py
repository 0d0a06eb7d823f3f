"""OBX -> the text and the documents of a report (HL7 v2.5.1 chapter 7.4.2; HL7 UK A.3 on report lines).

One OBX is one line, a repetition in one is a line more, and an empty OBX-5 is an empty line: a fixed-width layout must
survive. Coded and measured results are lines too, beside being Observations, since who reads the report reads its text.
References and UIDs (RP, HD) are never text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hl7.fragments import ReportLine
from hl7.reading import Reading
from hl7.segments.obx_observation import result_text
from hl7.segments.order_line import is_study_uid
from hl7.tables.imaging import UID_CODES, UID_WORDS
from hl7.tables.results import IMPRESSION_SUFFIX, SECTION_HEADINGS
from hl7.view import Repetition, Segment

TEXT_TYPES = frozenset({"TX", "FT", "ST", ""})
# References and UIDs; embedded documents are read apart.
NEVER_TEXT = frozenset({"RP", "HD", "EI", "OG", "ED"})
_WITHDRAWN = frozenset({"D", "W", "X", "N", "O"})
_PLAIN = "text/plain; charset=utf-8"
_MEDIA_TYPES = {
    "PDF": "application/pdf",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "TIF": "image/tiff",
    "RTF": "application/rtf",
    "HTML": "text/html",
    "XML": "text/xml",
    "PLAIN": "text/plain",
    "DOC": "application/msword",
    "DOCX": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True)
class ReportBody:
    """What the OBX under one or more OBR say: text lines, documents, and what is an Observation too.

    `is_told` is False where there are measurements alone: they do not make an OBR the one that bears the report.
    """

    lines: tuple[ReportLine, ...]
    documents: tuple[dict[str, Any], ...]
    observations: tuple[Segment, ...]
    is_told: bool = True

    @property
    def text(self) -> str:
        return report_text(self.lines)

    def __bool__(self) -> bool:
        return self.is_told and bool(self.lines or self.documents)


def read_report_body(obxs: Sequence[Segment], reading: Reading) -> ReportBody:
    lines: list[ReportLine] = []
    documents: list[dict[str, Any]] = []
    observations: list[Segment] = []
    counts: dict[str, int] = {}
    told = 0
    for obx in _in_set_order(obxs):
        kind = obx.get(2).upper()
        if is_study_uid(obx) or obx.get(3) in UID_CODES or obx.get(3, 2).upper() in UID_WORDS:
            continue
        if kind == "ED":
            documents += [found for rep in obx.field(5).reps() if (found := _document(obx, rep, reading))]
        elif kind in NEVER_TEXT:
            reading.warn("OBX-5", "reference-pointer", "a reference to a document elsewhere was not followed")
        elif kind in TEXT_TYPES:
            lines.append(_line(obx, "\n".join(rep.value for rep in obx.field(5).reps()), counts, reading))
            told += 1
        else:
            observations.append(obx)
            if result := result_text(obx):
                line = _line(obx, result, counts, reading)
                told += bool(line.section)
                lines.append(line if line.section else replace(line, text=_named(obx, result)))
    return ReportBody(tuple(lines), tuple(documents), tuple(observations), told > 0 or bool(documents))


def _named(obx: Segment, result: str) -> str:
    """A result outside of the report's sections, with its name before it."""
    name = obx.get(3, 2) or obx.field(3).rep(0).component(1).sub(1).strip()
    return f"{name}: {result}" if name else result


def _in_set_order(obxs: Sequence[Segment]) -> list[Segment]:
    """By OBX-1 where those numbers are all there and all different, else as they came."""
    numbers = [obx.get(1) for obx in obxs]
    if all(number.isascii() and number.isdigit() and len(number) < 9 for number in numbers):
        values = [int(number) for number in numbers]
        if len(set(values)) == len(values):
            return [obx for _, obx in sorted(zip(values, obxs, strict=True), key=lambda pair: pair[0])]
    return list(obxs)


def _line(obx: Segment, text: str, counts: dict[str, int], reading: Reading) -> ReportLine:
    section = obx.field(3).rep(0).component(1).sub(2).strip().upper()
    section = section or reading.profile.section_words.get(obx.get(3), "")
    if section and section not in SECTION_HEADINGS:
        reading.warn("OBX-3", "unknown-section", "a report section that no table knows was kept without a heading")
    place = _place(obx)
    counts[place] = counts.get(place, 0) + 1
    place = f"{place}|{counts[place]}"
    status = obx.get(11).upper()
    if status in ("D", "W"):
        reading.warn("OBX-11", "line-withdrawn", "a line of the report was deleted or withdrawn by its source")
    return ReportLine(place, section, text, status in _WITHDRAWN)


def _place(obx: Segment) -> str:
    """OBX-3 and OBX-4; without a grouping in OBX-4 (A.3 writes 1.2) only the set id tells lines apart."""
    group = obx.get(4)
    return "|".join((obx.field(3).rep(0).component(1).text, group, "" if "." in group else obx.get(1)))


def report_text(lines: Iterable[ReportLine]) -> str:
    """The whole text: sections in the order sent, a heading where a new section has one and does not bring its own."""
    out: list[str] = []
    section = ""
    for line in lines:
        if line.withdrawn:
            continue
        heading = SECTION_HEADINGS.get(line.section, "")
        if line.section != section and heading and not line.text.strip().upper().startswith(heading.upper()):
            out += ["", f"{heading}:"] if out else [f"{heading}:"]
        section = line.section
        out.append(line.text)
    return "\n".join(out).rstrip("\n")


def impression(lines: Iterable[ReportLine]) -> str:
    """The lines of the impression section: what DiagnosticReport calls its conclusion."""
    found = [line.text for line in lines if line.section == IMPRESSION_SUFFIX and not line.withdrawn]
    return "\n".join(found).strip()


def merged_lines(older: Sequence[ReportLine], newer: Sequence[ReportLine]) -> tuple[ReportLine, ...]:
    """For feeds that resend changed lines only: a line replaces the one at its place, a new one goes to the end."""
    lines = {line.place: line for line in older}
    lines |= {line.place: line for line in newer}
    return tuple(lines.values())


def text_attachment(text: str) -> dict[str, Any]:
    return {"contentType": _PLAIN, "data": base64.b64encode(text.encode("utf-8")).decode("ascii"), "title": "Report"}


def _document(obx: Segment, rep: Repetition, reading: Reading) -> dict[str, Any] | None:
    """ED -> Attachment. Base64 may hold raw line breaks; data that cannot be decoded is warned about, never filed."""
    kind, subtype, encoding = rep.get(2), rep.get(3).upper(), rep.get(4).upper()
    text = rep.component(5).value
    raw = _decoded(text, encoding)
    if not raw and not encoding and kind.upper() == "TEXT":
        raw = text.encode("utf-8")
    if not raw:
        reading.warn("OBX-5", "bad-document", "an embedded document could not be decoded and was left out")
        return None
    media_type = _MEDIA_TYPES.get(subtype) or _MEDIA_TYPES.get(kind.upper()) or "application/octet-stream"
    if raw.startswith(b"%PDF"):
        media_type = "application/pdf"
    elif media_type == "application/pdf":
        reading.warn("OBX-5", "bad-document", "an embedded document says that it is PDF and does not look like it")
        media_type = "application/octet-stream"
    title = obx.get(3, 2) or "Document"
    return {"contentType": media_type, "data": base64.b64encode(raw).decode("ascii"), "title": title}


def _decoded(text: str, encoding: str) -> bytes:
    compact = "".join(text.split())
    try:
        if encoding in ("BASE64", ""):
            # Some senders leave out the filling at the end.
            return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
        if encoding == "HEX":
            return binascii.unhexlify(compact)
    except (binascii.Error, ValueError):
        return b""
    return text.encode("utf-8") if encoding == "A" else b""
