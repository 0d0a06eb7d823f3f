"""Which of the names of one thing is its key: the strongest, and an alias joins only what has no stronger name.

A study's UID is stronger than its accession number, a filler's order line stronger than the placer's (design
section 4). Names of one strength are ordered by their text, so that every order of arrival chooses the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_server.storage.contribution_rows import Name
from terminology.systems import DICOM_UID

# What the namespaces of strong names are or contain, the strongest first; all others are weaker.
_STRENGTH = {
    "ImagingStudy": (DICOM_UID,),
    "ServiceRequest": ("/order-line", "/placer-line", "/accession-line"),
    "Task": ("/order-line/", "/placer-line/", "/accession-line/"),
}


#: The types whose resources may be joined when names turn out to be of one thing.
JOINABLE = frozenset(_STRENGTH)


def strength(resource_type: str, name: Name) -> tuple[int, str, str]:
    """A sort key: the smallest is the strongest."""
    parts = _STRENGTH.get(resource_type, ())
    place = next((i for i, part in enumerate(parts) if part in name.system), len(parts))
    return (place, name.system, name.value)


def choose_key(resource_type: str, names: Iterable[Name]) -> tuple[Name, tuple[Name, ...]]:
    """The key among the names, and the others as its aliases."""
    ordered = sorted(set(names), key=lambda name: strength(resource_type, name))
    return ordered[0], tuple(ordered[1:])
