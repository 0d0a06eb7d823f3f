"""NTE -> Annotation: consecutive notes are one text (HL7 v2.5.1 chapter 2.15.10).

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-segment-nte-to-servicerequest.html
"""

from __future__ import annotations

from collections.abc import Iterable

from hl7.view import Segment


def note_text(notes: Iterable[Segment]) -> str:
    """NTE-3 of each note, a line for each repetition; empty when they say nothing."""
    lines = [rep.value for note in notes for rep in note.field(3).reps()]
    return "\n".join(lines).strip()
