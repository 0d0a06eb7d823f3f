"""The difference between two texts for people: unchanged lines as they are, changed lines word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORDS = re.compile(r"\s+|[^\s]+")
#: Below this likeness two passages are shown one after the other, not woven into each other.
_ALIKE = 0.5
_LONG = 3000
_CONTEXT = 2


@dataclass(frozen=True)
class Piece:
    """A stretch of text: `same`, `added`, `removed`, or `left-out` (unchanged lines; the text says how many)."""

    kind: str
    text: str


def difference(old: str, new: str) -> list[Piece]:
    """What became of `old`. The pieces without the removed ones are `new`, but for what was left out."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pieces: list[Piece] = []
    opcodes = _matcher(before, after).get_opcodes()
    for place, (kind, a, b, c, d) in enumerate(opcodes):
        if kind == "equal":
            pieces += _unchanged(before[a:b], place == 0, place == len(opcodes) - 1)
        else:
            pieces += _changed("".join(before[a:b]), "".join(after[c:d]))
    return [piece for piece in pieces if piece.text]


def _matcher(before: Sequence[str], after: Sequence[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, before, after, autojunk=len(before) + len(after) > _LONG)


def _unchanged(lines: Sequence[str], is_first: bool, is_last: bool) -> Iterator[Piece]:
    """The lines next to a change; how many others there are."""
    head, tail = 0 if is_first else _CONTEXT, 0 if is_last else _CONTEXT
    hidden = len(lines) - head - tail
    if hidden <= _CONTEXT:
        yield Piece("same", "".join(lines))
        return
    yield Piece("same", "".join(lines[:head]))
    yield Piece("left-out", f"{hidden} lines unchanged")
    yield Piece("same", "".join(lines[len(lines) - tail :]))


def _changed(old: str, new: str) -> Iterator[Piece]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = _matcher(before, after)
    if not old or not new or matcher.ratio() < _ALIKE:
        yield Piece("removed", old)
        yield Piece("added", new)
        return
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(before[a:b]))
        else:
            yield Piece("removed", "".join(before[a:b]))
            yield Piece("added", "".join(after[c:d]))
