"""The official R4 definitions (4.0.1), compiled: types, elements, bindings, search parameters, compartments.

`definitions()` reads `r4.json.gz`, which `compile` makes from HL7's own package (CC0-1.0, source hash inside) and which
nobody edits. Definitions: https://hl7.org/fhir/R4/downloads.html.
"""

from conformance.definitions.index import Definitions, definitions
from conformance.definitions.model import (
    Binding,
    ElementDefinition,
    ElementType,
    Invariant,
    SearchParameter,
    TypeDefinition,
)

__all__ = [
    "Binding",
    "Definitions",
    "ElementDefinition",
    "ElementType",
    "Invariant",
    "SearchParameter",
    "TypeDefinition",
    "definitions",
]
