"""Compile the FHIRPath of search parameters to Python closures (https://hl7.org/fhir/R4/search.html, `expression`).

The 1,375 published parameters use a small part of FHIRPath: dotted paths, `as`, `ofType`, `[n]`, `extension('url')`,
`where(x='y')`, `where(resolve() is T)`, `exists() and ... != false`, and unions. Each alternative becomes a `Branch`
whose FHIR type is known when it is compiled, so that extraction never guesses a type from a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.definitions import ElementDefinition, definitions
from fhir_server.search.reference_text import may_be_of_type

Evaluate = Callable[[dict[str, Any]], Sequence[Any]]
Step = Callable[[Sequence[Any]], list[Any]]


class UnsupportedExpression(ValueError):
    """The expression uses FHIRPath beyond what search parameters of R4 use."""


@dataclass(frozen=True)
class Branch:
    """One alternative of an expression.

    `fhir_type` is what it yields ("" for a nested element); `repeats` says that it may yield several values;
    `first` is the JSON member of the resource without which it yields nothing (None: it always yields).
    """

    fhir_type: str
    steps: tuple[Step, ...] = ()
    first: str | None = None
    repeats: bool = False
    children: tuple[ElementDefinition, ...] = ()
    element: ElementDefinition | None = None
    negated: bool = False

    def evaluate(self, resource: dict[str, Any]) -> Sequence[Any]:
        """The values of this alternative in a resource."""
        nodes: Sequence[Any] = (resource,)
        for step in self.steps:
            nodes = step(nodes)
            if not nodes:
                break
        return nodes


# Where an element can point to one of these, an identifier without a type says nothing about a patient.
_OTHER_PARTIES = frozenset({"Organization", "Person", "Practitioner", "PractitionerRole", "RelatedPerson", "Resource"})
_TRUTH = re.compile(r"(?P<path>[\w.]+)\.exists\(\) and (?P=path) != false")
_OPERATORS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("resolves_to", re.compile(r"\.where\(resolve\(\) is (\w+)\)")),
    ("where", re.compile(r"\.where\((\w+)\s*=\s*'([^']*)'\)")),
    ("as_type", re.compile(r"\.(?:as|ofType)\((\w+)\)| as (\w+)")),
    ("extension", re.compile(r"\.extension\('([^']*)'\)")),
    ("item", re.compile(r"\[(\d+)\]")),
    ("skip", re.compile(r"[()\s]")),
    ("member", re.compile(r"\.?(\w+)(?!\()")),
)


def compile_expression(expression: str, resource_type: str) -> tuple[Branch, ...]:
    """The branches of a search parameter's expression on a type; raise UnsupportedExpression for anything else."""
    found = [b for part in _split_union(expression) for b in _compile_path(part, resource_type)]
    return tuple(found)


def _split_union(expression: str) -> Iterator[str]:
    depth = start = 0
    for position, character in enumerate(expression):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            yield expression[start:position].strip()
            start = position + 1
    if last := expression[start:].strip():
        yield last


def _compile_path(path: str, resource_type: str) -> list[Branch]:
    if truth := _TRUTH.fullmatch(path):
        return [_truth(_compile_path(truth["path"], resource_type))]
    branches = [Branch(resource_type, children=definitions().types[resource_type].elements)]
    for position, (name, arguments) in enumerate(_operators(path)):
        if name == "member" and position == 0 and arguments[0][0].isupper():
            continue  # the root, which names the type itself
        branches = [b for branch in branches for b in _APPLY[name](branch, *arguments)]
        if not branches:
            raise UnsupportedExpression(f"{path!r} yields nothing on {resource_type}")
    return branches


def _operators(path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    position = 0
    while position < len(path):
        name, match = _match_operator(path, position)
        position = match.end()
        if name != "skip":
            yield name, tuple(group for group in match.groups() if group is not None)


def _match_operator(path: str, position: int) -> tuple[str, re.Match[str]]:
    for name, pattern in _OPERATORS:
        if match := pattern.match(path, position):
            return name, match
    raise UnsupportedExpression(f"{path!r} at {position}")


def _member(branch: Branch, name: str) -> Iterator[Branch]:
    for element in branch.children:
        if name in (element.name, element.name.removesuffix("[x]")):
            for json_name, element_type in element.json_names.items():
                fhir_type = element_type.code if element_type else ""
                yield replace(
                    branch,
                    fhir_type=fhir_type,
                    steps=(*branch.steps, _take_member(json_name)),
                    first=branch.first or json_name,
                    repeats=branch.repeats or element.max != 1,
                    children=_children(element, fhir_type),
                    element=element,
                )


def _children(element: ElementDefinition, fhir_type: str) -> tuple[ElementDefinition, ...]:
    if element.elements:
        return element.elements
    if element.content_reference:
        return definitions().types[element.content_reference.split(".")[0]].element(element.content_reference).elements
    found = definitions().types.get(fhir_type)
    return found.elements if found and found.kind != "primitive" else ()


def _as_type(branch: Branch, fhir_type: str) -> Iterator[Branch]:
    if branch.fhir_type == fhir_type:
        yield branch


def _extension(branch: Branch, url: str) -> Iterator[Branch]:
    # What is searched is the extension's value, whichever type it has.
    for extension in _member(branch, "extension"):
        filtered = replace(extension, steps=(*extension.steps, _keep(lambda node: node.get("url") == url)))
        yield from _member(filtered, "value")


def _where(branch: Branch, name: str, value: str) -> Iterator[Branch]:
    yield replace(branch, steps=(*branch.steps, _keep(lambda node: node.get(name) == value)))


def _resolves_to(branch: Branch, resource_type: str) -> Iterator[Branch]:
    element_types = branch.element.types if branch.element else ()
    targets = {target for element_type in element_types for target in element_type.targets}
    untyped = resource_type in targets and targets.isdisjoint(_OTHER_PARTIES)
    keep = _keep(lambda node: may_be_of_type(node, resource_type, untyped=untyped))
    yield replace(branch, steps=(*branch.steps, keep))


def _item(branch: Branch, position: str) -> Iterator[Branch]:
    index = int(position)
    yield replace(branch, steps=(*branch.steps, lambda nodes: list(nodes[index : index + 1])), repeats=False)


def _truth(branches: list[Branch]) -> Branch:
    """`x.exists() and x != false`: always one boolean."""

    def step(nodes: Sequence[Any]) -> list[Any]:
        return [any(value is not False for b in branches for value in b.evaluate(nodes[0]))]

    return Branch("boolean", (step,))


def _take_member(name: str) -> Step:
    def step(nodes: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            value = node.get(name) if type(node) is dict else None
            if type(value) is list:
                found += [item for item in value if item is not None]
            elif value is not None:
                found.append(value)
        return found

    return step


def _keep(test: Callable[[dict[str, Any]], bool]) -> Step:
    return lambda nodes: [node for node in nodes if type(node) is dict and test(node)]


_APPLY: dict[str, Callable[..., Iterator[Branch]]] = {
    "member": _member,
    "as_type": _as_type,
    "extension": _extension,
    "where": _where,
    "resolves_to": _resolves_to,
    "item": _item,
}
