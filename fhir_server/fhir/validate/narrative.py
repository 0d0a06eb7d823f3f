"""Narrative: XHTML of plain formatting, with nothing in it that a browser would run or fetch behind the reader's back.

FHIR R4 Narrative (https://hl7.org/fhir/R4/narrative.html): txt-1 (elements and attributes) and txt-2 (content).
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

NAMESPACE = "http://www.w3.org/1999/xhtml"
LENGTH_MAX = 4 * 1024 * 1024
DEPTH_MAX = 200

# fmt: off
ELEMENTS = frozenset(
    {
        "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd",
        "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre",
        "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
        "tt", "ul", "var"
    }
)
ATTRIBUTES = frozenset(
    {
        "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
        "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
        "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev",
        "rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
        "valign", "value", "vspace", "width"
    }
)
# fmt: on
LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
# What an attribute that names another place may begin with, besides being relative or a fragment.
LINKS = frozenset({"cite", "href", "longdesc"})
LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "urn"})
IMAGE_SCHEMES = frozenset({"http", "https", "cid"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_IMAGE_DATA = re.compile(r"data:\s*image/(png|gif|jpeg|bmp|webp);base64,", re.IGNORECASE)
# A style that runs something, or hides what it does behind an escape or a comment; and the places a style fetches.
_STYLE_URL = re.compile(r"url\s*\(\s*['\"]?\s*([^'\")]*)", re.IGNORECASE)
_ACTIVE_STYLE = re.compile(r"expression\s*\(|javascript|behaviou?r|-moz-binding|@|\\|/\*", re.IGNORECASE)
# A browser drops these inside a scheme; XML turns a raw tab into a space first, so spaces go too.
_IGNORED_IN_URLS = dict.fromkeys(range(33))


class _Refused(Exception):
    """The narrative breaks a rule; the text says which."""


def check_xhtml(value: Any) -> str | None:
    """Return what is wrong with a Narrative.div, or None."""
    if type(value) is not str or not value:
        return "must be a string that holds an XHTML div"
    if len(value) > LENGTH_MAX:
        return "must not be longer than 4 MB (4,194,304 characters)"
    try:
        has_content = _read(value)
    except _Refused as refused:
        return str(refused)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        where = f" (line {error.lineno}, column {error.offset})" if isinstance(error, expat.ExpatError) else ""
        return f"must be well-formed XML, without HTML entities such as &nbsp;{where}"
    return None if has_content else "must have some content that is not white space (txt-2)"


def _read(xhtml: str) -> bool:
    """Read the whole div, raising _Refused at the first thing that is not allowed; say whether it holds anything."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    parser.Parse(xhtml.encode(), True)
    return reader.has_content


def _refuse_doctype(*_: object) -> None:
    raise _Refused("must not hold a document type declaration or entities (txt-1)")


def _refuse_instruction(*_: object) -> None:
    raise _Refused("must not hold processing instructions (txt-1)")


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        self._require_place(namespace, name)
        self.depth += 1
        if name == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            _require_passive(name, attribute, value)

    def _require_place(self, namespace: str, name: str) -> None:
        if self.depth == 0 and name != "div":
            raise _Refused("must be one XHTML div")
        if namespace != NAMESPACE:
            raise _Refused(f"must be in the XHTML namespace: begin it with <div xmlns={NAMESPACE!r}> (txt-1)")
        if name not in ELEMENTS:
            raise _Refused("holds an element that is not basic formatting, such as script, form or iframe (txt-1)")
        if self.depth >= DEPTH_MAX:
            raise _Refused(f"must not be nested more than {DEPTH_MAX} levels deep")

    def end(self, _tag: str) -> None:
        self.depth -= 1

    def characters(self, text: str) -> None:
        if not self.has_content and not text.isspace():
            self.has_content = True


def _require_passive(element: str, attribute: str, value: str) -> None:
    if attribute not in ATTRIBUTES:
        if attribute == LANGUAGE:
            return
        raise _Refused("holds an attribute that is not allowed, such as an event handler (txt-1)")
    if attribute in LINKS:
        _require_scheme(value, LINK_SCHEMES)
    elif attribute == "src" and not (element == "img" and _IMAGE_DATA.match(value)):
        _require_scheme(value, IMAGE_SCHEMES)
    elif attribute == "style" and not _is_passive_style(value):
        raise _Refused("holds a style that fetches or runs something (txt-1)")


def _is_passive_style(style: str) -> bool:
    """Only relative places and inline images may be fetched: an absolute one would tell another site who reads."""
    if _ACTIVE_STYLE.search(style):
        return False
    places = _STYLE_URL.findall(style)
    return all(_IMAGE_DATA.match(p) or not (_SCHEME.match(p) or p.startswith("//")) for p in places)


def _require_scheme(value: str, allowed: frozenset[str]) -> None:
    scheme = _SCHEME.match(value.translate(_IGNORED_IN_URLS))
    if scheme and scheme.group(1).lower() not in allowed:
        raise _Refused("holds a link or image that a browser would run, or of an unknown kind (txt-1)")
