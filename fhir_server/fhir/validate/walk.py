"""Walk a resource beside the R4 definitions and collect everything that is wrong, each with its exact path.

JSON rules: https://hl7.org/fhir/R4/json.html; validation: https://hl7.org/fhir/R4/validation.html.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from conformance.definitions import Invariant, definitions
from fhir_server.errors import Issue
from fhir_server.fhir.validate.full import broken
from fhir_server.fhir.validate.paths import Path, render, safe_name
from fhir_server.fhir.validate.references import read_literal, target_problem
from fhir_server.fhir.validate.schema import Field, Node, node_for, resource_types

Json = dict[str, Any]

DEPTH_MAX = 64
ISSUES_MAX = 100
COMMENTS = "fhir_comments"


class TooManyIssues(Exception):
    """Enough has been found: the sender has a pattern to mend, and the answer stays bounded."""


class Walk:
    """One pass over one resource, contained resources and Bundle entries within it included."""

    def __init__(self, *, full: bool = False) -> None:
        self.issues: list[Issue] = []
        self.depth = 0
        self.bundled: dict[str, str] = {}
        self.full = full
        # Outermost first: the resource of the whole walk, then those inside it.
        self.resources: list[Json] = []
        # Of the resource being read: its contained resources by id, and the fragments that point to them.
        self.contained: dict[str, str] = {}
        self.fragments: list[str] = []
        self.in_contained = False

    def report(self, code: str, text: str, path: Path) -> None:
        """Add an issue; raise TooManyIssues when there are enough."""
        self.issues.append(Issue(code, text, render(path)))
        if len(self.issues) >= ISSUES_MAX:
            raise TooManyIssues

    def resource(self, value: Any, path: Path, expected_type: str | None = None) -> None:
        """Read a resource: the one given, or one inside a Bundle entry or Parameters."""
        node = self._resource_node(value, path, expected_type)
        if node is None:
            return
        outer = self.contained, self.fragments, self.bundled
        self.contained, self.fragments = self._contained_types(value), []
        if node.name == "Bundle":
            self.bundled = self.bundled | _bundled_types(value)
        self.resources.append(value)
        self.object(value, node, path)
        self.resources.pop()
        if self.contained:
            self._require_referenced(value, path)
        self.contained, self.fragments, self.bundled = outer

    def _resource_node(self, value: Any, path: Path, expected_type: str | None) -> Node | None:
        if type(value) is not dict:
            self.report("structure", "This must be a resource: a JSON object with a resourceType.", path)
            return None
        name = value.get("resourceType")
        if not isinstance(name, str) or not name:
            self.report("structure", "resourceType is missing: it must name the type of the resource.", path)
        elif name not in resource_types():
            self.report("structure", _unknown_type(name), path)
        elif expected_type is not None and name != expected_type:
            self.report(
                "structure", f"The resource must be of type {expected_type}, and its resourceType differs.", path
            )
        else:
            return node_for(name)
        return None

    def object(self, value: Json, node: Node, path: Path) -> None:
        """Read the properties of an object, then what is missing, then its rules."""
        if not value:
            self.report("structure", "An object must not be empty (ele-1): leave the element out instead.", path)
            return
        if self.depth >= DEPTH_MAX:
            self.report("structure", f"The resource is nested more than {DEPTH_MAX} levels deep.", path)
            return
        self.depth += 1
        chosen: dict[str, str] | None = None
        fields = node.fields
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                self._unknown(key, node, path)
                continue
            if field.choice:
                chosen = chosen or {}
                self._choose(chosen, key, field, path)
            if field.array:
                self._array(item, key, field, value, path)
            else:
                self._value(item, field, (path, field.name, None))
        self.depth -= 1
        self._missing(value, node, path)
        for invariant, rule in node.rules:
            if not rule(value):
                self.report("invariant", f"{invariant.human} ({invariant.key})", path)
        if self.full and node.by_path:
            self._run_by_path(node.by_path, value, node.name, path)

    def _run_by_path(self, invariants: tuple[Invariant, ...], value: Json, base: str, path: Path) -> None:
        # A contained resource has its container as %rootResource and %resource alike: R4 resolves its rules there.
        resource = self.resources[-1]
        for invariant in broken(invariants, value, base, resource, resource):
            self.report("invariant", f"{invariant.human} ({invariant.key})", path)

    def _unknown(self, key: str, node: Node, path: Path) -> None:
        if key == "resourceType" and node.name in resource_types():
            return
        name = safe_name(key)
        where = "" if "." in node.name else f" of type {node.name}"
        close = get_close_matches(key, node.fields, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        if key == COMMENTS:
            hint = " Comments in JSON were dropped after DSTU2."
        self.report("structure", f"{name} is not an element{where} in FHIR R4 at this place.{hint}", (path, name, None))

    def _choose(self, chosen: dict[str, str], key: str, field: Field, path: Path) -> None:
        form = key.removeprefix("_")
        first = chosen.setdefault(field.name, form)
        if first != form:
            text = f"Only one {field.name}[x] is allowed, and both {first} and {form} are here."
            self.report("structure", text, (path, field.name, None))

    def _missing(self, value: Json, node: Node, path: Path) -> None:
        for name, forms in node.required:
            for form in forms:
                if form in value:
                    break
            else:
                self.report("required", f"{name} is required here and is missing.", (path, name, None))

    def _array(self, items: Any, key: str, field: Field, owner: Json, path: Path) -> None:
        if type(items) is not list:
            self.report("structure", f"{field.name} repeats: it must be a JSON array.", (path, field.name, None))
            return
        if not items:
            text = f"{field.name} must not be an empty array: leave the element out instead."
            self.report("structure", text, (path, field.name, None))
        if field.max is not None and len(items) > field.max:
            self.report("structure", f"{field.name} has at most {field.max} items.", (path, field.name, None))
        if field.is_shadow or (field.check is not None and ("_" + key in owner or None in items)):
            self._padded(items, key, field, owner, path)
            return
        name = field.name
        for index, item in enumerate(items):
            self._value(item, field, (path, name, index))

    def _padded(self, items: list[Any], key: str, field: Field, owner: Json, path: Path) -> None:
        """Read one of the two aligned arrays of a primitive that repeats; null holds the other one's place."""
        other = owner.get(key.removeprefix("_") if field.is_shadow else "_" + key)
        beside = other if type(other) is list else []
        if beside and len(beside) != len(items) and not field.is_shadow:
            text = f"{field.name} and _{field.name} must be arrays of the same length: fill them up with null."
            self.report("structure", text, (path, field.name, None))
        for index, item in enumerate(items):
            here = (path, field.name, index)
            if item is not None:
                self._value(item, field, here)
            elif index >= len(beside) or beside[index] is None:
                self.report("structure", "null only holds the place of an item that has extensions instead.", here)

    def _value(self, value: Any, field: Field, path: Path) -> None:
        check = field.check
        if check is not None:
            problem = check(value)
            if problem is not None:
                self._bad_primitive(value, problem, field, path)
            elif field.may_be_local and value[0] == "#":
                self.fragments.append(value[1:])
        elif field.is_resource:
            self._nested_resource(value, field, path)
        elif type(value) is not dict:
            self._not_an_object(value, field, path)
        else:
            self.object(value, field.node, path)
            if field.type_name == "Reference":
                self._reference(value, field, path)
            if field.bound is not None and (problem := field.bound.problem(value)):
                self.report("code-invalid", f"{field.name} {problem}.", path)
            for invariant, rule in field.rules:
                if not rule(value):
                    self.report("invariant", f"{invariant.human} ({invariant.key})", path)
            if self.full and field.by_path:
                self._run_by_path(field.by_path, value, field.type_name, path)

    def _bad_primitive(self, value: Any, problem: str, field: Field, path: Path) -> None:
        if value is None:
            self.report("structure", f"{field.name} must not be null: leave the element out instead.", path)
        elif type(value) is list:
            self.report("structure", f"{field.name} does not repeat: it must not be a JSON array.", path)
        elif "required value set" in problem:
            self.report("code-invalid", f"{field.name} {problem}.", path)
        else:
            code = "too-long" if "longer than" in problem else "value"
            self.report(code, f"{field.name} {problem}.", path)

    def _not_an_object(self, value: Any, field: Field, path: Path) -> None:
        if type(value) is list:
            text = f"{field.name} does not repeat: it must not be a JSON array."
        elif value is None:
            text = f"{field.name} must not be null: leave the element out instead."
        else:
            text = f"{field.name} must be a JSON object of type {field.type_name}."
        self.report("structure", text, path)

    def _reference(self, value: Json, field: Field, path: Path) -> None:
        reference, stated = value.get("reference"), value.get("type")
        if isinstance(stated, str) and (problem := target_problem(stated, field.targets)):
            self.report("value", f"{field.name}.type {problem}.", (path, "type", None))
        if type(reference) is not str:
            return
        here = (path, "reference", None)
        if reference.startswith("#"):
            self._fragment(reference[1:], field, here)
            return
        found, problem = read_literal(reference)
        if problem:
            self.report("value", f"{field.name}.reference {problem}.", here)
            return
        found = found or self.bundled.get(reference)
        if problem := target_problem(found, field.targets):
            self.report("value", f"{field.name} {problem}.", here)
        elif found and isinstance(stated, str) and stated != found:
            self.report("value", f"{field.name}.type and the type in {field.name}.reference differ.", here)

    def _fragment(self, fragment: str, field: Field, path: Path) -> None:
        self.fragments.append(fragment)
        if not fragment:
            return
        if fragment not in self.contained:
            self.report("invariant", "A local reference needs a contained resource with this id (ref-1).", path)
        elif problem := target_problem(self.contained[fragment], field.targets):
            self.report("value", f"{field.name} {problem}.", path)

    def _nested_resource(self, value: Any, field: Field, path: Path) -> None:
        if field.name != "contained":
            self.resource(value, path)
        elif self.in_contained:
            self.report("invariant", "A contained resource must not contain resources itself (dom-2).", path)
        elif node := self._resource_node(value, path, None):
            self.in_contained = True
            before = len(self.fragments)
            self.object(value, node, path)
            self.in_contained = False
            self._require_containable(value, path)
            if "" in self.fragments[before:]:
                self.fragments.append(str(value.get("id")))

    def _require_containable(self, value: Json, path: Path) -> None:
        found = value.get("meta")
        meta = found if type(found) is dict else {}
        if "versionId" in meta or "lastUpdated" in meta:
            text = "A contained resource must not have meta.versionId or meta.lastUpdated (dom-4)."
            self.report("invariant", text, (path, "meta", None))
        if "security" in meta:
            self.report(
                "invariant", "A contained resource must not have a security label (dom-5).", (path, "meta", None)
            )

    def _contained_types(self, value: Json) -> dict[str, str]:
        inner = value.get("contained")
        found = [c for c in inner if type(c) is dict] if type(inner) is list else []
        return {str(c.get("id", "")): str(c.get("resourceType")) for c in found}

    def _require_referenced(self, value: Json, path: Path) -> None:
        """Each contained resource must have an id of its own, and be pointed to or point to its container (dom-3)."""
        used = set(self.fragments)
        seen: set[str] = set()
        for index, contained in enumerate(value["contained"]):
            if type(contained) is not dict:
                continue
            fragment = contained.get("id")
            here = (path, "contained", index)
            if type(fragment) is not str:
                self.report("required", "A contained resource needs an id.", (here, "id", None))
                continue
            if fragment in seen:
                self.report("invariant", "Two contained resources have the same id.", (here, "id", None))
            elif fragment not in used:
                text = "A contained resource must be referred to from the resource, or refer to it (dom-3)."
                self.report("invariant", text, here)
            seen.add(fragment)


def _bundled_types(bundle: Json) -> dict[str, str]:
    """Return the resource type of each urn: fullUrl, so that references inside a Bundle are checked like others."""
    entries = bundle.get("entry")
    found: dict[str, str] = {}
    for entry in entries if type(entries) is list else ():
        if type(entry) is dict and type(entry.get("fullUrl")) is str and type(entry.get("resource")) is dict:
            found[entry["fullUrl"]] = str(entry["resource"].get("resourceType"))
    return found


def _unknown_type(name: str) -> str:
    close = get_close_matches(name, definitions().resource_types, 1, 0.8)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"resourceType does not name a resource type of FHIR R4 (4.0.1).{hint}"
