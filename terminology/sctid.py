"""SNOMED CT identifiers: 6 to 18 digits whose last is a Verhoeff check digit and whose last three tell the kind.

SNOMED CT release file specification, SCTID (https://confluence.ihtsdotools.org/display/DOCRELFMT/6+SNOMED+CT+Identifiers).
A spreadsheet that turned an identifier into a rounded number is caught here.
"""

from __future__ import annotations

LENGTHS = range(6, 19)
CONCEPT_PARTITIONS = frozenset({"00", "10"})

# The dihedral group D5 and the permutation of Verhoeff's scheme.
_MULTIPLY = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_PERMUTE = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def is_valid_concept_id(text: str) -> bool:
    """Say whether `text` is a well-formed identifier of a SNOMED CT concept (its existence is another question)."""
    if len(text) not in LENGTHS or not (text.isascii() and text.isdigit()) or text[0] == "0":
        return False
    return text[-3:-1] in CONCEPT_PARTITIONS and _verhoeff(text) == 0


def _verhoeff(digits: str) -> int:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        total = int(_MULTIPLY[total][int(_PERMUTE[position % 8][int(digit)])])
    return total
