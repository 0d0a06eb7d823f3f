"""Narrative: formatting passes; nothing that a browser would run or fetch elsewhere does."""

from __future__ import annotations

import pytest

from fhir_server.fhir.validate.narrative import check_xhtml


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


@pytest.mark.parametrize(
    "xhtml",
    [
        div(
            "<h2>CT head</h2><table class='grid'><tr><td colspan='2'>No bleed&#160;seen &amp; no mass</td></tr></table>"
        ),
        div("<a href='https://example.org/x?a=1'>more</a> <a href='#p1'>here</a> <a href='Patient/p1'>patient</a>"),
        div("<img src='data:image/png;base64,iVBORw0KGgo=' alt='graph'/>"),
        div("<p style='color: red; background-image: url(tbl_bck1.png)'>x</p>"),
        div("<p xml:lang='cy' lang='cy'>Dim gwaedu</p>"),
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>prefixed</h:p></h:div>',
    ],
)
def test_plain_formatting_passes(xhtml: str) -> None:
    assert check_xhtml(xhtml) is None


@pytest.mark.parametrize(
    "inner",
    [
        "<script>x()</script>",
        "<style>p { color: red }</style>",
        "<iframe src='https://example.org'/>",
        "<object data='x'/>",
        "<form><input name='a'/></form>",
        "<svg xmlns='http://www.w3.org/2000/svg'><script>x()</script></svg>",
        "<p onclick='x()'>x</p>",
        "<img src='x' onerror='x()'/>",
        "<a href='javascript:x()'>x</a>",
        "<a href=' java\tscript:x()'>x</a>",
        "<a href='&#106;avascript:x()'>x</a>",
        "<a href='vbscript:x'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<img src='data:image/svg+xml;base64,PHN2Zy8+'/>",
        "<p style='background: url(https://example.org/who-reads-this)'>x</p>",
        "<p style='background: url(//example.org/x)'>x</p>",
        "<p style='width: expression(x())'>x</p>",
        "<p style='width: \\65xpression(x())'>x</p>",
        "<?php x ?>x",
    ],
)
def test_active_content_is_refused(inner: str) -> None:
    assert "txt-1" in (check_xhtml(div(inner)) or "")


@pytest.mark.parametrize("inner", ["", " \n\t", "<p> </p>", "<!-- only a comment -->"])
def test_empty_narrative_is_refused(inner: str) -> None:
    assert "txt-2" in (check_xhtml(div(inner)) or "")


@pytest.mark.parametrize(
    "xhtml",
    [
        "<div>no namespace</div>",
        "<p xmlns='http://www.w3.org/1999/xhtml'>x</p>",
        div("<p>open"),
        div("&nbsp;"),
        "x",
        "",
    ],
)
def test_what_is_not_one_well_formed_xhtml_div_is_refused(xhtml: str) -> None:
    assert check_xhtml(xhtml)


def test_entity_expansion_is_refused_before_it_happens() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + div("&b;")
    assert "document type" in (check_xhtml(bomb) or "")


def test_external_entity_is_refused() -> None:
    assert "document type" in (check_xhtml('<!DOCTYPE d SYSTEM "file:///etc/hostname">' + div("x")) or "")


def test_depth_is_bounded() -> None:
    assert "nested" in (check_xhtml(div("<span>" * 300 + "x" + "</span>" * 300)) or "")


@pytest.mark.parametrize("value", [None, 3, {"p": "x"}, ["x"], "\ud800"])
def test_value_of_another_kind_is_refused(value: object) -> None:
    assert check_xhtml(value)
