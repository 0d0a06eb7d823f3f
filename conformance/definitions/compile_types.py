"""Compile StructureDefinition snapshots of the base types: https://hl7.org/fhir/R4/structuredefinition.html."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

BASE_URL = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
FHIR_TYPE_EXTENSION = BASE_URL + "structuredefinition-fhir-type"
REGEX_EXTENSION = BASE_URL + "regex"
# ele-1 stands on every element and is checked by shape (an object must not be empty), so the index leaves it out.
BY_SHAPE = frozenset({"ele-1"})


def compile_types(structures: list[Json]) -> tuple[Json, list[list[str]]]:
    """Return the types by name, and the table of invariants [key, severity, human, expression] they refer to by row."""
    invariants: dict[tuple[str, str, str, str], int] = {}
    base = [s for s in structures if s["kind"] != "logical" and s.get("derivation") != "constraint"]
    types = {s["name"]: _compile_type(s, invariants) for s in sorted(base, key=lambda s: str(s["name"]))}
    return types, [list(row) for row in invariants]


def _compile_type(structure: Json, invariants: dict[tuple[str, str, str, str], int]) -> Json:
    elements = structure["snapshot"]["element"]
    own = structure["url"]
    compiled: Json = {
        "kind": structure["kind"].removesuffix("-type"),
        "abstract": structure["abstract"],
        "base": structure.get("baseDefinition", "").removeprefix(BASE_URL),
        "invariants": _constraints(elements[0], own, invariants),
        "elements": _children(elements[0]["path"], elements, own, invariants),
    }
    if regex := _regex(elements):
        compiled["regex"] = regex
    return compiled


def _children(
    parent: str, elements: list[Json], own: str, invariants: dict[tuple[str, str, str, str], int]
) -> list[Json]:
    depth = parent.count(".") + 1
    direct = [e for e in elements if e["path"].startswith(parent + ".") and e["path"].count(".") == depth]
    return [_compile_element(element, elements, own, invariants) for element in direct]


def _compile_element(
    element: Json, elements: list[Json], own: str, invariants: dict[tuple[str, str, str, str], int]
) -> Json:
    compiled: Json = {
        "name": element["path"].rsplit(".", 1)[1],
        "min": element["min"],
        "max": element["max"],
        "types": [_compile_element_type(t) for t in element.get("type", ())],
        "reference": element.get("contentReference", "").removeprefix("#"),
        "binding": _binding(element),
        "invariants": _constraints(element, own, invariants),
        "elements": _children(element["path"], elements, own, invariants),
        "summary": element.get("isSummary", False),
        "modifier": element.get("isModifier", False),
    }
    return {key: value for key, value in compiled.items() if value or key in ("name", "min", "max")}


def _compile_element_type(element_type: Json) -> list[Any]:
    code: str = element_type["code"]
    if code.startswith(SYSTEM_TYPE):
        declared = [e for e in element_type.get("extension", ()) if e["url"] == FHIR_TYPE_EXTENSION]
        code = declared[0].get("valueUrl", "string") if declared else code.removeprefix(SYSTEM_TYPE).lower()
    targets = sorted(p.removeprefix(BASE_URL) for p in element_type.get("targetProfile", ()))
    profile = [p.removeprefix(BASE_URL) for p in element_type.get("profile", ())]
    return [code, targets, profile[0] if len(profile) == 1 else ""] if targets or profile else [code]


def _binding(element: Json) -> list[str]:
    binding = element.get("binding", {})
    if "valueSet" not in binding:
        return []
    return [binding["strength"], binding["valueSet"].split("|")[0]]


def _constraints(element: Json, own: str, invariants: dict[tuple[str, str, str, str], int]) -> list[int]:
    """Return the rows of the constraints that this definition itself adds; inherited ones stand with the ancestor."""
    added = [c for c in element.get("constraint", ()) if c.get("source", own) == own and c["key"] not in BY_SHAPE]
    rows = [(c["key"], c["severity"], c["human"], c.get("expression", "")) for c in added]
    return [invariants.setdefault(row, len(invariants)) for row in rows]


def _regex(elements: list[Json]) -> str:
    for element in elements:
        if element["path"].endswith(".value"):
            for extension in element.get("type", [{}])[0].get("extension", ()):
                if extension["url"] == REGEX_EXTENSION:
                    return str(extension["valueString"])
    return ""


def required_value_sets(types: Json) -> set[str]:
    """Return the URLs of all value sets that some element is bound to with strength `required`."""
    found: set[str] = set()
    waiting = [element for definition in types.values() for element in definition["elements"]]
    while waiting:
        element = waiting.pop()
        waiting.extend(element.get("elements", ()))
        if element.get("binding", [""])[0] == "required":
            found.add(element["binding"][1])
    return found
