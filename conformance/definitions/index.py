"""Read the compiled index and hand it out as frozen values, each made when first asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from conformance.definitions.model import (
    Binding,
    ElementDefinition,
    ElementType,
    Invariant,
    SearchParameter,
    TypeDefinition,
)

Json = dict[str, Any]


@cache
def definitions() -> Definitions:
    """Return the R4 definitions, read once for the process."""
    return Definitions(json.loads(gzip.decompress(files(__package__).joinpath("r4.json.gz").read_bytes())))


class Definitions:
    """FHIR R4 4.0.1 as data. Everything returned is immutable and may be shared between threads."""

    def __init__(self, index: Json) -> None:
        self._index = index
        self._codings: dict[str, frozenset[tuple[str, str]]] = {}
        self.source: Mapping[str, str] = MappingProxyType(index["source"])
        self.types: Mapping[str, TypeDefinition] = _Types(index["types"], [Invariant(*r) for r in index["invariants"]])

    @cached_property
    def resource_types(self) -> tuple[str, ...]:
        """The names of the concrete resource types, sorted."""
        types = self._index["types"].items()
        return tuple(name for name, t in types if t["kind"] == "resource" and not t["abstract"])

    def search_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of the type by code, those of Resource and DomainResource too; KeyError if unknown."""
        return self._parameters_by_type[resource_type]

    @cached_property
    def search_parameter_by_number(self) -> Mapping[int, SearchParameter]:
        """Every search parameter of every type by its number."""
        return MappingProxyType({row[0]: _search_parameter(row) for row in self._index["search_parameters"]})

    @cached_property
    def _parameters_by_type(self) -> dict[str, Mapping[str, SearchParameter]]:
        by_type: dict[str, dict[str, SearchParameter]] = {name: {} for name in self.resource_types}
        for parameter in self.search_parameter_by_number.values():
            by_type[parameter.resource_type][parameter.code] = parameter
        return {name: MappingProxyType(parameters) for name, parameters in by_type.items()}

    def compartment(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return resource type -> codes of the parameters that put it in the compartment; KeyError if unknown.

        A type that is never in the compartment is absent. The compartment's subject belongs to it by its own id.
        """
        return self._compartments[name]

    @property
    def patient_compartment(self) -> Mapping[str, tuple[str, ...]]:
        """The Patient compartment (https://hl7.org/fhir/R4/compartmentdefinition-patient.html)."""
        return self._compartments["Patient"]

    @cached_property
    def _compartments(self) -> dict[str, Mapping[str, tuple[str, ...]]]:
        found = self._index["compartments"].items()
        return {name: MappingProxyType({t: tuple(codes) for t, codes in c.items()}) for name, c in found}

    def value_set_codes(self, url: str) -> frozenset[str] | None:
        """Return the codes of a value set that some element requires, or None if it cannot be listed here."""
        codings = self.value_set_codings(url)
        return None if codings is None else frozenset(code for _, code in codings)

    def value_set_codings(self, url: str) -> frozenset[tuple[str, str]] | None:
        """Return the (system, code) pairs of a value set that some element requires, or None if it cannot be listed."""
        if url not in self._codings:
            systems = self._index["value_sets"].get(url, {})
            self._codings[url] = frozenset((system, code) for system, codes in systems.items() for code in codes)
        return self._codings[url] or None


class _Types(Mapping[str, TypeDefinition]):
    """The types by name, made when first read: a process that meets five types does not pay for two hundred."""

    def __init__(self, compiled: Json, invariants: list[Invariant]) -> None:
        self._compiled = compiled
        self._invariants = invariants
        self._made: dict[str, TypeDefinition] = {}

    def __getitem__(self, name: str) -> TypeDefinition:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name, self._compiled[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._compiled)

    def __len__(self) -> int:
        return len(self._compiled)

    def _make(self, name: str, compiled: Json) -> TypeDefinition:
        return TypeDefinition(
            name=name,
            kind=compiled["kind"],
            abstract=compiled["abstract"],
            base=compiled["base"],
            elements=tuple(self._element(e, name) for e in compiled["elements"]),
            invariants=self._rules(compiled),
            regex=compiled.get("regex", ""),
        )

    def _element(self, compiled: Json, parent: str) -> ElementDefinition:
        path = f"{parent}.{compiled['name']}"
        return ElementDefinition(
            name=compiled["name"],
            path=path,
            min=compiled["min"],
            max=None if compiled["max"] == "*" else int(compiled["max"]),
            types=tuple(_element_type(t) for t in compiled.get("types", ())),
            content_reference=compiled.get("reference", ""),
            binding=Binding(*compiled["binding"]) if "binding" in compiled else None,
            invariants=self._rules(compiled),
            elements=tuple(self._element(e, path) for e in compiled.get("elements", ())),
            is_summary="summary" in compiled,
            is_modifier="modifier" in compiled,
        )

    def _rules(self, compiled: Json) -> tuple[Invariant, ...]:
        return tuple(self._invariants[row] for row in compiled.get("invariants", ()))


def _element_type(row: list[Any]) -> ElementType:
    return ElementType(row[0], tuple(row[1]), row[2]) if len(row) > 1 else ElementType(row[0])


def _search_parameter(row: list[Any]) -> SearchParameter:
    number, resource_type, code, kind, expression, targets, components, url = row
    pairs = tuple((component, relative) for component, relative in components)
    return SearchParameter(number, resource_type, code, kind, expression, tuple(targets), pairs, url)
