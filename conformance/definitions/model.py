"""What the R4 definitions say about one type, element or search parameter, as frozen values.

FHIR R4 StructureDefinition (https://hl7.org/fhir/R4/structuredefinition.html) and SearchParameter
(https://hl7.org/fhir/R4/searchparameter.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule in FHIRPath; `severity` is `error` or `warning`."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Binding:
    """`strength` is required, extensible, preferred or example; `value_set` is a URL without its version."""

    strength: str
    value_set: str


@dataclass(frozen=True, slots=True)
class ElementType:
    """One type that an element may have; `targets` are resource types (of a Reference or canonical), or `Resource`."""

    code: str
    targets: tuple[str, ...] = ()
    profile: str = ""


@dataclass(frozen=True)
class ElementDefinition:
    """One element; `max` is None when unbounded, `path` is such as `Patient.contact.name` or `Patient.deceased[x]`."""

    name: str
    path: str
    min: int
    max: int | None
    types: tuple[ElementType, ...] = ()
    content_reference: str = ""
    binding: Binding | None = None
    invariants: tuple[Invariant, ...] = ()
    elements: tuple[ElementDefinition, ...] = ()
    is_summary: bool = False
    is_modifier: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether the JSON name carries the type: `deceased[x]` is sent as `deceasedBoolean` or `deceasedDateTime`."""
        return self.name.endswith("[x]")

    @cached_property
    def json_names(self) -> dict[str, ElementType | None]:
        """The JSON property names of this element and the type of each (None where nested elements define it)."""
        if self.is_choice:
            stem = self.name[:-3]
            return {stem + t.code[0].upper() + t.code[1:]: t for t in self.types}
        return {self.name: self.types[0] if self.types else None}


@dataclass(frozen=True)
class TypeDefinition:
    """One resource type, complex type or primitive type (`kind`); `regex` holds for primitives, where one is stated."""

    name: str
    kind: str
    abstract: bool
    base: str
    elements: tuple[ElementDefinition, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    regex: str = ""

    @cached_property
    def by_json_name(self) -> dict[str, tuple[ElementDefinition, ElementType | None]]:
        """The direct elements by each JSON property name that can stand for them."""
        return {name: (element, t) for element in self.elements for name, t in element.json_names.items()}

    def walk(self) -> Iterator[ElementDefinition]:
        """Yield every element of this definition, nested backbone elements too, parents first."""
        waiting = list(reversed(self.elements))
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.elements))

    def element(self, path: str) -> ElementDefinition:
        """Return the element at `path`, e.g. `Bundle.link`; raise KeyError if there is none."""
        for element in self.walk():
            if element.path == path:
                return element
        raise KeyError(path)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one resource type.

    `number` is unique over all (resource_type, code) of R4, from 1, below 100,000, and never changes. `expression`
    holds only the branches of the union that can match this type; it keeps the root as published (`Resource.` and
    `DomainResource.` too) and is empty for the three that no element answers: _content, _query and _text.
    `components` of a composite are pairs of the code of another search parameter of the same type, and an expression
    relative to each item that `expression` yields. `targets` are what a reference from this type can point to.
    """

    number: int
    resource_type: str
    code: str
    type: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = field(default=())
    url: str = ""
