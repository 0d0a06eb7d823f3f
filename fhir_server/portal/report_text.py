"""The text of a report as it can be read: sections under their own headings, layout kept where it matters. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HEADINGS = (
    "clinical indication|clinical information|clinical details|clinical history|indication|history|technique|procedure|"
    "device|comparison|findings|report|impression|conclusion|opinion|recommendations?|addendum|summary"
)
_HEADING = re.compile(rf"\s*({_HEADINGS})\s*:[ ]*(.*)", re.IGNORECASE)
#: Columns: a tab, or a run of blanks between words.
_COLUMNS = re.compile(r"\S(\t| {3,})\S")
_INLINE = frozenset({"application/pdf", "image/jpeg", "image/png"})


@dataclass(frozen=True)
class Section:
    """A part of the text; `heading` is as the source wrote it, "" before the first."""

    heading: str
    text: str


@dataclass(frozen=True)
class Document:
    """An attached document. `number` counts the report's forms from 1; `content` is None when it is kept elsewhere."""

    number: int
    title: str
    media_type: str
    content: bytes | None

    @property
    def kind(self) -> str:
        return {"application/pdf": "PDF", "image/jpeg": "JPEG", "image/png": "PNG"}.get(self.media_type, "document")

    @property
    def shows_inline(self) -> bool:
        """Whether a browser may show it; anything that could run a script is only saved."""
        return self.media_type in _INLINE

    @property
    def size(self) -> str:
        """Kilobytes, rounded up."""
        return f"{-(-len(self.content or b'') // 1000)} KB"


def report_text(report: Mapping[str, Any]) -> str:
    """The plain text of a DiagnosticReport: its text forms one after the other, else its conclusion."""
    texts = [_decode(form).decode("utf-8", "replace") for form in _forms(report) if _is_text(form)]
    return "\n\n".join(text.rstrip() for text in texts if text.strip()) or str(report.get("conclusion") or "")


def documents_of(report: Mapping[str, Any]) -> list[Document]:
    """Everything attached that is not plain text."""
    return [
        Document(number, str(form.get("title") or "Document"), _media_type(form), _decode(form) or None)
        for number, form in enumerate(_forms(report), 1)
        if not _is_text(form)
    ]


def sections_of(text: str) -> list[Section]:
    """The text in sections; nothing is left out and nothing is put in another order."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        if heading := _HEADING.fullmatch(line):
            found.append((heading[1], [heading[2]] if heading[2] else []))
        else:
            found[-1][1].append(line)
    sections = [Section(heading, "\n".join(lines).strip("\n")) for heading, lines in found]
    return [section for section in sections if section.heading or section.text.strip()]


def keeps_columns(text: str) -> bool:
    """Whether the text is laid out in columns, so that it must be shown in letters of one width."""
    return any(_COLUMNS.search(line) for line in text.splitlines())


def _forms(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(report.get("presentedForm") or ())


def _media_type(form: Mapping[str, Any]) -> str:
    return str(form.get("contentType", "")).partition(";")[0].strip().lower() or "application/octet-stream"


def _is_text(form: Mapping[str, Any]) -> bool:
    return _media_type(form) == "text/plain" and bool(form.get("data"))


def _decode(form: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(form.get("data") or ""))
    except (binascii.Error, ValueError):
        return b""
