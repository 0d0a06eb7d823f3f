"""The definitions as lookup tables in the shape the walk needs: JSON property name -> what may stand there.

JSON representation of resources: https://hl7.org/fhir/R4/json.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from conformance.definitions import Binding, ElementDefinition, ElementType, Invariant, definitions
from fhir_server.fhir.validate.bindings import BoundCodes, code_check
from fhir_server.fhir.validate.full import is_by_path
from fhir_server.fhir.validate.primitives import CHECKS, Check
from fhir_server.fhir.validate.rules import RULES, Rule

# Published without saying so: the type of Resource.id is `id` (json.html and resource.html#id give its rules).
RESOURCE_ID = ElementType("id")
LOCAL_REFERENCES = frozenset({"uri", "url", "canonical"})


SIMPLE_QUANTITY: tuple[tuple[Invariant, Rule], ...] = (
    (
        Invariant("sqt-1", "error", "The comparator is not used on a SimpleQuantity", "comparator.empty()"),
        lambda value: "comparator" not in value,
    ),
)


@cache
def resource_types() -> frozenset[str]:
    """The concrete resource types of R4."""
    return frozenset(definitions().resource_types)


@dataclass(slots=True)
class Field:
    """What one JSON property may hold.

    Exactly one of `check` (a primitive), `is_resource`, `is_shadow` (the `_x` beside a primitive x) and `node_key`
    (an object with its own table) says how its value is read.
    """

    name: str
    array: bool
    type_name: str
    check: Check | None = None
    is_resource: bool = False
    is_shadow: bool = False
    node_key: str = ""
    choice: bool = False
    max: int | None = None
    bound: BoundCodes | None = None
    targets: frozenset[str] | None = None
    may_be_local: bool = False
    rules: tuple[tuple[Invariant, Rule], ...] = ()
    by_path: tuple[Invariant, ...] = ()
    _node: Node | None = None

    @property
    def node(self) -> Node:
        """The table of the object that stands here, looked up once."""
        if self._node is None:
            self._node = node_for(self.node_key)
        return self._node


@dataclass(slots=True)
class Node:
    """One object: its properties, the properties it must have (each by any of several names), and its rules.

    `by_path` are the invariants that no rule covers: the level `full` runs them.
    """

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    required: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    rules: tuple[tuple[Invariant, Rule], ...] = ()
    by_path: tuple[Invariant, ...] = ()


@cache
def node_for(key: str) -> Node:
    """Return the table of a type (`Patient`, `HumanName`) or of a nested element by its path (`Patient.contact`)."""
    definition = definitions().types[key.split(".")[0]]
    if "." not in key:
        return _make_node(key, definition.elements, _inherited_rules(key))
    element = definition.element(key)
    return _make_node(key, element.elements, element.invariants)


def _inherited_rules(name: str) -> tuple[Invariant, ...]:
    definition = definitions().types[name]
    return definition.invariants + (_inherited_rules(definition.base) if definition.base else ())


def _make_node(key: str, elements: tuple[ElementDefinition, ...], invariants: tuple[Invariant, ...]) -> Node:
    node = Node(key, rules=_with_rules(key, invariants), by_path=_without_rules(key, invariants))
    for element in elements:
        _add_element(node, element)
    return node


def _with_rules(key: str, invariants: tuple[Invariant, ...]) -> tuple[tuple[Invariant, Rule], ...]:
    rules = RULES.get(key, {}) | (RULES.get("Quantity", {}) if key in ("Age", "Count", "Distance", "Duration") else {})
    return tuple((invariant, rules[invariant.key]) for invariant in invariants if invariant.key in rules)


def _without_rules(key: str, invariants: tuple[Invariant, ...]) -> tuple[Invariant, ...]:
    covered = {invariant.key for invariant, _ in _with_rules(key, invariants)}
    return tuple(i for i in invariants if i.key not in covered and is_by_path(i))


def _add_element(node: Node, element: ElementDefinition) -> None:
    names: list[str] = []
    for json_name, element_type in element.json_names.items():
        if node.name in resource_types() and json_name == "id":
            element_type = RESOURCE_ID
        made = _make_field(element, element_type)
        node.fields[json_name] = made
        names.append(json_name)
        if made.check is not None and element.path != "Narrative.div":
            node.fields["_" + json_name] = _shadow(made)
            names.append("_" + json_name)
    if element.min:
        node.required.append((element.name.removesuffix("[x]"), tuple(names)))


def _shadow(primitive: Field) -> Field:
    return Field(
        primitive.name, primitive.array, "Element", is_shadow=True, node_key="Element", choice=primitive.choice
    )


def _make_field(element: ElementDefinition, element_type: ElementType | None) -> Field:
    made = Field(
        name=element.name.removesuffix("[x]"),
        array=element.max != 1,
        type_name=element_type.code if element_type else "BackboneElement",
        choice=element.is_choice,
        max=element.max,
    )
    code = made.type_name
    if code in CHECKS:
        made.check = _check_for(code, element.binding)
        made.may_be_local = code in LOCAL_REFERENCES
    elif code == "Resource":
        made.is_resource = True
    else:
        made.node_key = _node_key(element, code)
        made.bound = _bound(code, element.binding)
        made.targets = _targets(element_type)
        if made.node_key != element.path:
            made.rules = _with_rules(element.path, element.invariants)
            made.by_path = _without_rules(element.path, element.invariants)
        if element_type and element_type.profile == "SimpleQuantity":
            made.rules += SIMPLE_QUANTITY
    return made


def _check_for(code: str, binding: Binding | None) -> Check:
    if binding is not None and binding.strength == "required":
        return code_check(binding.value_set, CHECKS[code])
    return CHECKS[code]


def _node_key(element: ElementDefinition, code: str) -> str:
    return element.content_reference or (element.path if element.elements else code)


def _bound(code: str, binding: Binding | None) -> BoundCodes | None:
    if binding is None or binding.strength != "required" or code not in ("Coding", "CodeableConcept"):
        return None
    codings = definitions().value_set_codings(binding.value_set)
    return None if codings is None else BoundCodes(binding.value_set, codings, code == "CodeableConcept")


def _targets(element_type: ElementType | None) -> frozenset[str] | None:
    """Return the resource types that a Reference here may point to, or None if any."""
    if element_type is None or element_type.code != "Reference" or "Resource" in element_type.targets:
        return None
    return frozenset(element_type.targets) or None
