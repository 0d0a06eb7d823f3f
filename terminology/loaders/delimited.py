"""Delimited files with a header, read row by row, with errors that name the file's line and column.

CSV as in RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180); releases use tabs too, and a byte order mark.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

# A code list is not a place for long texts; a field beyond this is a file of another kind.
FIELD_LENGTH_MAX = 4096


class LoadError(ValueError):
    """A file is not what its loader reads; the text names the line, counted from 1."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file and its fields, stripped, by the loader's own names."""

    line: int
    fields: Mapping[str, str]

    def required(self, name: str) -> str:
        """Return the field; raise LoadError when it is empty."""
        if not self.fields[name]:
            raise LoadError(f"line {self.line}: {name} is empty")
        return self.fields[name]


def read_rows(
    file: TextIO, columns: Mapping[str, Sequence[str]], *, optional: frozenset[str] = frozenset(), delimiter: str = ","
) -> Iterator[Row]:
    """Yield the rows that are not blank. `columns` gives, for each of our names, the headers it may stand under."""
    reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL)
    header = [_plain(title) for title in next(reader, [])]
    places = {name: _place(header, name, titles, name in optional) for name, titles in columns.items()}
    try:
        for values in reader:
            if any(value.strip() for value in values):
                yield _row(reader.line_num, values, places)
    except csv.Error as error:
        raise LoadError(f"line {reader.line_num}: {error}") from error


def _plain(title: str) -> str:
    return "".join(character for character in title.casefold() if character.isalnum())


def _place(header: Sequence[str], name: str, titles: Sequence[str], is_optional: bool) -> int | None:
    for title in titles:
        if _plain(title) in header:
            return header.index(_plain(title))
    if is_optional:
        return None
    raise LoadError(f"line 1: there is no column for {name}; it may be called {' or '.join(titles)}")


def _row(line: int, values: Sequence[str], places: Mapping[str, int | None]) -> Row:
    if any(len(value) > FIELD_LENGTH_MAX for value in values):
        raise LoadError(f"line {line}: a field is longer than {FIELD_LENGTH_MAX} characters")
    fields = {
        name: values[place].strip() if place is not None and place < len(values) else ""
        for name, place in places.items()
    }
    return Row(line, fields)
