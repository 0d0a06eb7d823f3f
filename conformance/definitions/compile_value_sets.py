"""Expand the value sets of required bindings from the code systems of the package.

FHIR R4 value set expansion: https://hl7.org/fhir/R4/valueset.html#expansion. A value set that cannot be listed from the
package alone (MIME types, currencies, languages) is left out: its binding is then checked by form only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Coding = tuple[str, str]


class NotEnumerable(Exception):
    """The value set depends on codes that the package does not carry."""


def compile_value_sets(urls: set[str], value_sets: list[Json], code_systems: list[Json]) -> Json:
    """Return system -> sorted codes for each URL that can be listed completely."""
    expander = _Expander({v["url"]: v for v in value_sets}, {c["url"]: c for c in code_systems})
    compiled: Json = {}
    for url in sorted(urls):
        try:
            compiled[url] = _by_system(expander.expand(url))
        except NotEnumerable:
            continue
    return compiled


def _by_system(codings: set[Coding]) -> dict[str, list[str]]:
    systems: dict[str, list[str]] = {}
    for system, code in sorted(codings):
        systems.setdefault(system, []).append(code)
    return systems


class _Expander:
    def __init__(self, value_sets: dict[str, Json], code_systems: dict[str, Json]) -> None:
        self._value_sets = value_sets
        self._code_systems = code_systems

    def expand(self, url: str) -> set[Coding]:
        value_set = self._value_sets.get(url.split("|")[0])
        if value_set is None or "compose" not in value_set:
            raise NotEnumerable(url)
        compose = value_set["compose"]
        included: set[Coding] = set().union(*(self._component(part) for part in compose["include"]))
        return included.difference(*(self._component(part) for part in compose.get("exclude", ())))

    def _component(self, part: Json) -> set[Coding]:
        sets = [self.expand(url) for url in part.get("valueSet", ())]
        if "system" in part:
            sets.append(self._of_system(part))
        return set.intersection(*sets)

    def _of_system(self, part: Json) -> set[Coding]:
        system = part["system"]
        if "concept" in part:
            return {(system, concept["code"]) for concept in part["concept"]}
        code_system = self._code_systems.get(system)
        if code_system is None or code_system["content"] != "complete":
            raise NotEnumerable(system)
        parents = dict(_walk(code_system.get("concept", ()), ()))
        return {(system, c) for c in parents if all(_passes(c, parents[c], f) for f in part.get("filter", ()))}


def _walk(concepts: list[Json], ancestors: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for concept in concepts:
        above = ancestors + tuple(p["valueCode"] for p in concept.get("property", ()) if p["code"] == "subsumedBy")
        yield concept["code"], above
        yield from _walk(concept.get("concept", ()), (*above, concept["code"]))


def _passes(code: str, ancestors: tuple[str, ...], condition: Json) -> bool:
    if condition["property"] == "concept" and condition["op"] == "is-a":
        return code == condition["value"] or condition["value"] in ancestors
    raise NotEnumerable(f"filter {condition['property']} {condition['op']}")
