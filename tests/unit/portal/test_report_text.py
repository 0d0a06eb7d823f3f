"""Report texts: sections and columns, documents, and the difference between versions."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.portal.report_text import documents_of, keeps_columns, report_text, sections_of
from fhir_server.portal.text_difference import difference

TEXT = "Clinical indication: Fall.\n\nFindings:\nNo fracture.\n\nADDENDUM 1\nSeen again.\n\nIMPRESSION: Normal."


def form(content: bytes, content_type: str = "text/plain; charset=utf-8", **more: str) -> dict[str, str]:
    return {"contentType": content_type, "data": base64.b64encode(content).decode(), **more}


def test_sections_keep_their_own_headings_and_every_word() -> None:
    sections = sections_of(TEXT)
    assert [s.heading for s in sections] == ["Clinical indication", "Findings", "IMPRESSION"]
    assert sections[1].text == "No fracture.\n\nADDENDUM 1\nSeen again."
    assert sections[2].text == "Normal."


def test_text_before_the_first_heading_is_kept() -> None:
    assert [(s.heading, s.text) for s in sections_of("Dictated.\nFindings: clear")] == [
        ("", "Dictated."),
        ("Findings", "clear"),
    ]


@given(st.text(alphabet="abc:\n FindingsImpression", max_size=200))
def test_no_word_of_a_report_is_lost_or_moved(text: str) -> None:
    shown = " ".join(f"{s.heading} {s.text}" for s in sections_of(text))
    assert "".join(shown.split()).replace(":", "") == "".join(text.split()).replace(":", "")


def test_columns_are_recognised_and_prose_is_not() -> None:
    assert keeps_columns("Segment     Score\nLAD         120")
    assert keeps_columns("a\tb")
    assert not keeps_columns("  Indented.\nTwo sentences.  Double blank.")


def test_texts_are_joined_and_a_conclusion_stands_in_for_them() -> None:
    assert report_text({"presentedForm": [form(b"One."), form(b"Two.")]}) == "One.\n\nTwo."
    assert report_text({"conclusion": "Normal."}) == "Normal."
    assert report_text({}) == ""


def test_only_what_can_run_no_script_shows_in_the_browser() -> None:
    report = {
        "presentedForm": [
            form(b"text"),
            form(b"%PDF-1.4", "application/pdf", title="Letter"),
            form(b"<script>", "text/html"),
            {"contentType": "application/pdf", "url": "https://ris.example/1"},
        ]
    }
    found = documents_of(report)
    assert [(d.number, d.kind, d.shows_inline, d.content is None) for d in found] == [
        (2, "PDF", True, False),
        (3, "document", False, False),
        (4, "PDF", True, True),
    ]


def test_a_changed_word_is_shown_within_its_line() -> None:
    pieces = difference("The left lung is clear.\n", "The right lung is clear.\n")
    assert [(p.kind, p.text) for p in pieces] == [
        ("same", "The "),
        ("removed", "left"),
        ("added", "right"),
        ("same", " lung is clear.\n"),
    ]


def test_lines_far_from_a_change_are_left_out_and_counted() -> None:
    lines = [f"Line {n}.\n" for n in range(20)]
    pieces = difference("".join(lines), "".join([*lines, "New.\n"]))
    assert ("left-out", "18 lines unchanged") in [(p.kind, p.text) for p in pieces]


short = st.text(alphabet="ab \n", max_size=12)


@given(short, short)
def test_the_pieces_make_both_texts(old: str, new: str) -> None:
    pieces = difference(old, new)
    if any(p.kind == "left-out" for p in pieces):
        return
    assert "".join(p.text for p in pieces if p.kind != "removed") == new
    assert "".join(p.text for p in pieces if p.kind != "added") == old
