"""The dictionaries of each HL7 v2 version, read once from hl7apy's tables as plain data.

hl7apy's object tree costs tens of milliseconds a message; its tables, as dictionaries, cost microseconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hl7apy import SUPPORTED_LIBRARIES

_NEAREST = {"2": "2.5.1", "2.0": "2.1", "2.3.2": "2.3.1", "2.5.2": "2.5.1", "2.7.1": "2.7", "2.9": "2.8.2"}
DEFAULT_VERSION = "2.5.1"


@dataclass(frozen=True)
class FieldDefinition:
    """One field of one segment: its long name, data type, table, and how often it may be there (-1: no limit)."""

    number: int
    name: str
    data_type: str
    table: str
    minimum: int
    maximum: int


def nearest_version(version: str) -> str:
    """The version whose tables fit: unknown versions are read with the nearest dictionary, never refused."""
    plain = version.split("^")[0].strip()
    if plain in SUPPORTED_LIBRARIES:
        return plain
    return _NEAREST.get(plain, DEFAULT_VERSION)


@cache
def segment_definitions(version: str) -> Mapping[str, tuple[FieldDefinition, ...]]:
    """Every segment of the version (see `nearest_version`), by its name."""
    library = importlib.import_module(SUPPORTED_LIBRARIES[nearest_version(version)])
    # Besides segments the tables hold pseudo-segments (ANYHL7SEGMENT, Hxx), which list no fields.
    return {name: _fields(structure) for name, structure in library.SEGMENTS.items() if len(name) == 3}


def _fields(structure: tuple[Any, ...]) -> tuple[FieldDefinition, ...]:
    """The fields of a segment; none for one that the version withdrew."""
    children = structure[1] if len(structure) > 1 else ()
    # One table (ORO in 2.1) lacks the parentheses around its only child.
    rows = children if all(isinstance(child, tuple) for child in children) else (children,)
    return tuple(_field(number, child) for number, child in enumerate(rows, start=1))


def _field(number: int, child: tuple[Any, ...]) -> FieldDefinition:
    """One row of hl7apy's table: a definition ends with data type, long name, table and length."""
    _, definition, occurrence, *_ = child
    data_type, long_name, table, _ = definition[-4:]
    readable = str(long_name or "").replace("_", " ").lower()
    return FieldDefinition(number, readable, str(data_type or ""), str(table or ""), occurrence[0], occurrence[-1])


@cache
def field_count(version: str, segment: str) -> int:
    """How many fields the version defines for the segment; 0 for segments it does not know (Z segments, say)."""
    return len(segment_definitions(nearest_version(version)).get(segment, ()))
