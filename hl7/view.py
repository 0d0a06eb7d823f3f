"""Segments, fields, repetitions and components as views on text: nothing is parted before it is asked for.

A field has three states (HL7 v2.5.1 chapter 2.5.3): absent (says nothing), explicitly null (`""`: clear it), a value.
"""

from __future__ import annotations

import re

from hl7.escapes import Delimiters, unescape

NULL = '""'
# What an escape sequence may bring in and no FHIR string may hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _read(text: str, delimiters: Delimiters, charset: str) -> str:
    """The text of a value: empty for null, escapes read."""
    if text == NULL:
        return ""
    mark = delimiters.escape
    return _CONTROL.sub("", unescape(text, delimiters, charset)) if mark and mark in text else text


class Component:
    """One component: `value` is its unescaped text, `sub(n)` its n-th subcomponent (from 1)."""

    __slots__ = ("_charset", "_delimiters", "text")

    def __init__(self, text: str, delimiters: Delimiters, charset: str) -> None:
        self.text, self._delimiters, self._charset = text, delimiters, charset

    @property
    def value(self) -> str:
        return _read(self.text, self._delimiters, self._charset)

    def sub(self, number: int) -> str:
        """The unescaped text of a subcomponent, empty when it is not there."""
        separator = self._delimiters.subcomponent
        parts = self.text.split(separator) if separator else [self.text]
        part = parts[number - 1] if 0 < number <= len(parts) else ""
        return _read(part, self._delimiters, self._charset)


class Repetition:
    """One repetition of a field; `component(n)` counts from 1 and is empty where nothing was sent."""

    __slots__ = ("_charset", "_delimiters", "_parts", "text")

    def __init__(self, text: str, delimiters: Delimiters, charset: str) -> None:
        self.text, self._delimiters, self._charset = text, delimiters, charset
        self._parts: list[str] | None = None

    def component(self, number: int) -> Component:
        if self._parts is None:
            separator = self._delimiters.component
            self._parts = self.text.split(separator) if separator else [self.text]
        part = self._parts[number - 1] if 0 < number <= len(self._parts) else ""
        return Component(part, self._delimiters, self._charset)

    def get(self, number: int) -> str:
        """The unescaped text of a component, without the blanks around it."""
        return self.component(number).value.strip()

    @property
    def value(self) -> str:
        """The whole repetition as text (for data types without components, such as TX and FT)."""
        return _read(self.text, self._delimiters, self._charset)


class Field:
    """One field with its repetitions (counted from 0)."""

    __slots__ = ("_charset", "_delimiters", "text")

    def __init__(self, text: str, delimiters: Delimiters, charset: str) -> None:
        self.text, self._delimiters, self._charset = text, delimiters, charset

    @property
    def is_absent(self) -> bool:
        return not self.text

    @property
    def is_null(self) -> bool:
        """Whether the source says that there is no value (`""`), which is not the same as saying nothing."""
        return self.text == NULL

    @property
    def has_value(self) -> bool:
        return bool(self.text) and self.text != NULL

    def reps(self) -> list[Repetition]:
        """The repetitions that were sent; none for an absent or null field."""
        if not self.has_value:
            return []
        separator = self._delimiters.repetition
        parts = self.text.split(separator) if separator else [self.text]
        return [Repetition(part, self._delimiters, self._charset) for part in parts]

    def rep(self, index: int) -> Repetition:
        reps = self.reps()
        return reps[index] if 0 <= index < len(reps) else Repetition("", self._delimiters, self._charset)

    def get(self, component: int = 1) -> str:
        """The text of a component of the first repetition, without the blanks around it."""
        return self.rep(0).get(component)


class Segment:
    """One segment; `field(n)` counts as the standard does, for MSH too (MSH-1 is the field separator itself)."""

    __slots__ = ("_charset", "_delimiters", "_parts", "name", "text")

    def __init__(self, name: str, text: str, delimiters: Delimiters, charset: str) -> None:
        self.name, self.text, self._delimiters, self._charset = name, text, delimiters, charset
        self._parts: list[str] | None = None

    def like(self, name: str, fields: list[str]) -> Segment:
        """Another segment in the same encoding; `fields` are encoded texts, from field 1 on."""
        return Segment(name, self._delimiters.field.join([name, *fields]), self._delimiters, self._charset)

    def fields(self) -> list[str]:
        """The raw text of every field, its number being its index; index 0 is the segment's name."""
        if self._parts is None:
            parts = self.text.split(self._delimiters.field)
            if self.name in ("MSH", "FHS", "BHS"):
                parts.insert(1, self._delimiters.field)
            self._parts = parts
        return self._parts

    def field(self, number: int) -> Field:
        parts = self.fields()
        text = parts[number] if 0 < number < len(parts) else ""
        if number <= 2 and self.name == "MSH":
            return Field(text, Delimiters(self._delimiters.field, "", "", "", ""), self._charset)
        return Field(text, self._delimiters, self._charset)

    def get(self, field: int, component: int = 1) -> str:
        """The text of a component of the first repetition of a field, without the blanks around it."""
        parts = self.fields()
        text = parts[field] if 0 < field < len(parts) else ""
        if not text or (field <= 2 and self.name == "MSH"):
            return text
        # The same as self.field(field).get(component), without making three objects: this is the hottest call.
        marks = self._delimiters
        if text == NULL:
            return ""
        if marks.repetition and marks.repetition in text:
            text = text.split(marks.repetition, 1)[0]
        if marks.component in text:
            found = text.split(marks.component)
            text = found[component - 1] if component <= len(found) else ""
        elif component != 1:
            return ""
        return _read(text, marks, self._charset).strip()
