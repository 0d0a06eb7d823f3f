"""Reports of feeds that send changed lines only: the text is each line as the latest message has it (OBX-3, OBX-4).

HL7 UK A.3 on structured reports; HL7 v2.5.1 chapter 7.4.2. A line is {place, section, heading, conclusion, text,
withdrawn}: `place` is what a later line replaces, `heading` goes before the first line of a section.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_server.storage.contribution_rows import Contribution

Line = Mapping[str, Any]
_PLAIN = "text/plain; charset=utf-8"


def merged_text(layers: Sequence[Contribution]) -> dict[str, Any]:
    """presentedForm and conclusion of all layers' lines together; empty when no layer has lines."""
    places: dict[str, Line] = {}
    for layer in layers:
        places |= {line["place"]: line for line in layer.report_lines}
    lines = [line for line in places.values() if not line["withdrawn"]]
    if not lines:
        return {}
    data = base64.b64encode(_text(lines).encode()).decode("ascii")
    merged: dict[str, Any] = {
        "presentedForm": [{"contentType": _PLAIN, "data": data, "title": "Report"}, *_documents(layers)]
    }
    conclusion = "\n".join(line["text"] for line in lines if line["conclusion"]).strip()
    return merged | ({"conclusion": conclusion} if conclusion else {})


def _text(lines: Iterable[Line]) -> str:
    written: list[str] = []
    section = ""
    for line in lines:
        heading = line["heading"]
        if line["section"] != section and heading and not line["text"].strip().upper().startswith(heading.upper()):
            written += ["", f"{heading}:"] if written else [f"{heading}:"]
        section = line["section"]
        written.append(line["text"])
    return "\n".join(written).rstrip("\n")


def _documents(layers: Sequence[Contribution]) -> list[Any]:
    """What is no text, from the strongest layer that has any."""
    for layer in reversed(layers):
        documents = [f for f in layer.content.get("presentedForm") or () if f.get("contentType") != _PLAIN]
        if documents:
            return documents
    return []
