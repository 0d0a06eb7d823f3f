"""Compile SearchParameters per resource type, and the compartments.

FHIR R4 search parameter registry: https://hl7.org/fhir/R4/searchparameter-registry.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

# Not in the published registry: marked experimental (extension, genomics and example parameters), and this example.
EXAMPLE_ID = "filter"
NAME = re.compile(r"[A-Za-z]+")
RESOLVES_TO = re.compile(r"\.where\(resolve\(\) is ([A-Za-z]+)\)")
PLAIN_PATH = re.compile(r"[A-Za-z]+(?:\.[A-Za-z]+)+")


def is_published(parameter: Json) -> bool:
    """Say whether the parameter is one of the 1,375 of the R4 registry."""
    return not parameter.get("experimental") and parameter["id"] != EXAMPLE_ID


def compile_search_parameters(parameters: list[Json], types: Json) -> list[list[Any]]:
    """Return rows [number, resource type, code, type, expression, targets, components, url] by type and code."""
    published = [p for p in parameters if is_published(p)]
    code_of_url = {p["url"]: p["code"] for p in published}
    rows: dict[tuple[str, str], list[Any]] = {}
    for parameter in published:
        for resource_type in _applies_to(parameter["base"], types):
            key = (resource_type, parameter["code"])
            if key in rows:
                raise ValueError(f"two search parameters have the code {key}")
            rows[key] = _row(parameter, resource_type, types, code_of_url)
    return [[number, *rows[key]] for number, key in enumerate(sorted(rows), start=1)]


def _applies_to(bases: list[str], types: Json) -> Iterator[str]:
    for name, definition in types.items():
        if (
            definition["kind"] == "resource"
            and not definition["abstract"]
            and not set(bases).isdisjoint(lineage(name, types))
        ):
            yield name


def lineage(name: str, types: Json) -> list[str]:
    """Return the type and its ancestors, nearest first."""
    names = [name]
    while base := types[names[-1]]["base"]:
        names.append(base)
    return names


def _row(parameter: Json, resource_type: str, types: Json, code_of_url: dict[str, str]) -> list[Any]:
    expression = cut_to_type(parameter.get("expression", ""), resource_type, types)
    components = [[code_of_url[c["definition"]], c["expression"]] for c in parameter.get("component", ())]
    targets = _targets(parameter.get("target", []), expression, types)
    return [resource_type, parameter["code"], parameter["type"], expression, targets, components, parameter["url"]]


def cut_to_type(expression: str, resource_type: str, types: Json) -> str:
    """Return the branches of the union that can yield something for the type: the others name other types."""
    names = lineage(resource_type, types)
    branches = [_rooted(branch.strip(), resource_type) for branch in split_union(expression)]
    kept = [branch for branch in branches if (root := NAME.search(branch)) and root.group() in names]
    if expression and not kept:
        raise ValueError(f"no branch of {expression!r} is about {resource_type}")
    return " | ".join(dict.fromkeys(kept))


def _rooted(branch: str, resource_type: str) -> str:
    # InsurancePlan's `name | alias` is published without its type.
    return f"{resource_type}.{branch}" if branch[:1].islower() else branch


def split_union(expression: str) -> Iterator[str]:
    """Yield the operands of the union operators that stand outside parentheses."""
    depth = start = 0
    for position, character in enumerate(expression):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            yield expression[start:position]
            start = position + 1
    yield expression[start:]


def _targets(published: list[str], expression: str, types: Json) -> list[str]:
    """Return the types the reference can point to from this type: a shared parameter publishes a union."""
    allowed: set[str] = set()
    for branch in split_union(expression):
        found = _targets_of_branch(branch.strip(), types)
        if not found:
            return sorted(published)
        allowed |= found
    return sorted(allowed.intersection(published)) or sorted(published)


def _targets_of_branch(branch: str, types: Json) -> set[str]:
    if match := RESOLVES_TO.search(branch):
        return {match.group(1)}
    if not PLAIN_PATH.fullmatch(branch):
        return set()
    names = branch.split(".")
    return _element_targets(types[names[0]]["elements"], names[1:], types)


def _element_targets(elements: list[Json], names: list[str], types: Json) -> set[str]:
    element = next((e for e in elements if e["name"].removesuffix("[x]") == names[0]), None)
    if element is None:
        return set()
    if len(names) > 1:
        code = element["types"][0][0] if len(element.get("types", ())) == 1 else ""
        return _element_targets(element.get("elements") or types.get(code, {}).get("elements", []), names[1:], types)
    targets = {
        target for t in element.get("types", ()) if t[0] in ("Reference", "canonical") for target in (t + [[]])[1]
    }
    return set() if "Resource" in targets else targets


def compile_compartment(definition: Json) -> Json:
    """Return resource type -> codes of the search parameters that tie it to the compartment (not `{def}`, itself)."""
    codes = {r["code"]: [p for p in r.get("param", ()) if p != "{def}"] for r in definition["resource"]}
    return {resource_type: found for resource_type, found in codes.items() if found}
