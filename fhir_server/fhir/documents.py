"""Documents: the JSON text of a resource as it was sent, parsed once, and the text that is stored (design decision 1).

The stored text is the sender's own, member by member; only `id` and `meta` are the server's to write. Numbers keep
their digits (`6.30`), times their form, because the text is never printed again from parsed values.
https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from fhir_server.errors import BadStructure
from fhir_server.fhir.instants import format_instant

DEPTH_MAX = 64
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?')
_NARRATIVE_LINK = re.compile(r"""(\b(?:href|src)\s*=\s*["'])([^"']*)(["'])""")
_BUSINESS_VALUES = frozenset({"value", "valueString"})
_SERVER_MEMBERS = frozenset({"resourceType", "id", "meta"})
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True)
class Document:
    """A resource: `content` as Python values (floats are Decimal), `members` as the sender's text.

    `members` are the top-level members but resourceType, id and meta, in the order sent.
    """

    content: dict[str, Any]
    members: tuple[tuple[str, str], ...]

    @property
    def resource_type(self) -> str:
        return str(self.content["resourceType"])

    @property
    def resource_id(self) -> str | None:
        return self.content.get("id")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadStructure("The JSON has an object with the same member twice.")
    return members


def _refuse_constant(name: str) -> Any:
    raise BadStructure(f"{name} is not JSON.")


_json = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates, parse_float=Decimal, parse_constant=_refuse_constant, strict=True
)


def decode_text(body: bytes) -> str:
    """UTF-8 text of a JSON body; BadStructure when it is not UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadStructure(f"The body is not UTF-8 (byte {error.start}).") from error


def parse_json(text: str) -> Any:
    """Parse JSON strictly: no duplicate members, NaN or lone surrogates; BadStructure says where it breaks."""
    try:
        return _json.decode(text)
    except json.JSONDecodeError as error:
        raise BadStructure(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    except RecursionError as error:
        raise BadStructure("The JSON is nested too deeply.") from error
    except ValueError as error:  # integers of thousands of digits
        raise BadStructure("The JSON has a number that is too long.") from error


def parse_document(body: bytes | str) -> Document:
    """Parse a resource; BadStructure when the text is not a JSON object with a resourceType."""
    text = decode_text(body) if isinstance(body, bytes) else body
    return read_document(parse_json(text), text)


def read_document(content: Any, text: str) -> Document:
    """As `parse_document`, of a text that `parse_json` has parsed to `content`, whole or as part of a larger one."""
    _require_resource(content)
    _require_shallow(content)
    return Document(content, _member_texts(text, content))


def _require_resource(content: Any) -> None:
    if not isinstance(content, dict):
        raise BadStructure("The body is not a resource: it is not a JSON object.")
    kind = content.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise BadStructure("The body is not a resource: resourceType is missing.", "resourceType")


def _require_shallow(content: Any) -> None:
    level: list[Any] = [content]
    for _depth in range(DEPTH_MAX):
        level = [
            child
            for value in level
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise BadStructure(f"The resource is nested more than {DEPTH_MAX} levels deep.")


def _member_texts(text: str, content: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The text of each top-level member. The text is known to be valid, so positions are enough."""
    members: list[tuple[str, str]] = []
    at = text.index("{") + 1
    for _ in range(len(content)):
        at = _skip(text, at)
        name, at = _json.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _value, end = _json.raw_decode(text, at)
        if name not in _SERVER_MEMBERS:
            members.append((name, text[at:end]))
        at = _skip(text, end) + 1
    return tuple(members)


def _skip(text: str, at: int) -> int:
    return _WHITESPACE.match(text, at).end()  # type: ignore[union-attr]


def make_document(content: Mapping[str, Any]) -> Document:
    """The document of a resource that this program built (values: JSON types and Decimal)."""
    members = tuple((k, encode(v).decode()) for k, v in content.items() if k not in _SERVER_MEMBERS)
    return Document(dict(content), members)


def encode(value: Any) -> bytes:
    """Compact JSON of Python values; a Decimal keeps its digits."""
    return _encoder.encode(value)


def decode(body: bytes) -> Any:
    """Parse JSON that this record stored: fast, no checks, floats as Decimal."""
    return _decoder.decode(body)


def make_meta(
    document: Document, version_id: int, last_updated: int, tags: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """Resource.meta: the server's version and time, the sender's profiles, labels and tags, the record's own tags."""
    sent = document.content.get("meta") or {}
    meta: dict[str, Any] = {"versionId": str(version_id), "lastUpdated": format_instant(last_updated)}
    meta |= {k: v for k, v in sent.items() if k not in meta and k != "tag"}
    systems = {t["system"] for t in tags}
    kept = [t for t in sent.get("tag", ()) if t.get("system") not in systems]
    if kept or tags:
        meta["tag"] = kept + [dict(t) for t in tags]
    return meta


def finish(document: Document, resource_id: str, meta: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The text to store and its parsed content, with the server's id and meta in place."""
    head = encode({"resourceType": document.resource_type, "id": resource_id, "meta": meta})[:-1].decode()
    tail = "".join(f",{encode(name).decode()}:{text}" for name, text in document.members)
    content = {"resourceType": document.resource_type, "id": resource_id, "meta": dict(meta)}
    content |= {k: v for k, v in document.content.items() if k not in _SERVER_MEMBERS}
    return f"{head}{tail}}}".encode(), content


def replace_links(document: Document, replacements: Mapping[str, str]) -> Document:
    """Replace links, e.g. `urn:uuid:...` by `Patient/123`, in content and text alike: whole strings of references and
    addresses, and `href` and `src` of the narrative. A business value (`Identifier.value`) is never a link.
    """
    if not replacements:
        return document
    members = tuple((name, _replace_in(text, replacements)) for name, text in document.members)
    if members == document.members:
        return document
    content: dict[str, Any] = {k: v for k, v in document.content.items() if k in _SERVER_MEMBERS}
    content |= {name: parse_json(text) for name, text in members}
    return replace(document, content=content, members=members)


def _replace_in(text: str, replacements: Mapping[str, str]) -> str:
    """The JSON text with its links replaced; whatever is no link keeps every byte."""
    name = ""

    def replaced(found: re.Match[str]) -> str:
        nonlocal name
        literal, colon = found[1], found[2]
        value = json.loads(literal) if "\\" in literal else literal[1:-1]
        if colon:
            name = value
            return found[0]
        made = _NARRATIVE_LINK.sub(relinked, value) if name == "div" else replacements.get(value, value)
        return literal if made == value or name in _BUSINESS_VALUES else encode(made).decode()

    def relinked(found: re.Match[str]) -> str:
        return f"{found[1]}{replacements.get(found[2], found[2])}{found[3]}"

    return _STRING.sub(replaced, text)
