"""The published invariants that are not written by hand, run as FHIRPath: the optional level `full`.

FHIRPath (http://hl7.org/fhirpath/N1/): about a millisecond for a resource of many invariants. The engine is imported
only when this level is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from conformance.definitions import Invariant

Json = dict[str, Any]

# The walk itself judges contained resources, local references and narrative; dom-6 is advice; and que-7 asks whether a
# FHIR boolean is a System.Boolean, which the engine denies.
NOT_BY_PATH = frozenset({"dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "ref-1", "txt-1", "txt-2", "que-7"})


def is_by_path(invariant: Invariant) -> bool:
    """Whether this level runs the invariant: errors only, warnings are advice to authors of definitions."""
    return invariant.severity == "error" and invariant.key not in NOT_BY_PATH and bool(invariant.expression)


def broken(invariants: Iterable[Invariant], value: Json, base: str, resource: Json, root: Json) -> Iterator[Invariant]:
    """Yield the invariants that `value`, an object at definition path `base`, breaks.

    An expression that the engine cannot evaluate, or that yields nothing, breaks nothing.
    """
    for invariant in invariants:
        if _evaluate(invariant.expression, value, base, resource, root) == [False]:
            yield invariant


def _evaluate(expression: str, value: Json, base: str, resource: Json, root: Json) -> list[Any]:
    from fhirpathpy.engine.nodes import ResourceNode

    variables = {"resource": resource, "rootResource": root}
    try:
        node = ResourceNode.create_node(value, base)  # type: ignore[no-untyped-call]
        return list(_compiled(expression)(node, variables))
    except Exception:  # the engine raises bare Exception for what it does not support
        return []


@cache
def _compiled(expression: str) -> Callable[[Any, Json], list[Any]]:
    import fhirpathpy
    from fhirpathpy.models import models

    compiled: Callable[[Any, Json], list[Any]] = fhirpathpy.compile(
        expression, models["r4"], {"userInvocationTable": FUNCTIONS, "traceFn": _trace}
    )
    return compiled


def _trace(_label: str, _values: list[Any]) -> None:
    """Several published expressions trace what they read, and the engine would print it."""


def _has_value(collection: list[Any]) -> bool:
    return len(collection) == 1


def _resolve(_collection: list[Any]) -> list[Any]:
    """Nothing is fetched to validate a resource: rules that resolve must allow for that."""
    return []


FUNCTIONS: Json = {
    "hasValue": {"fn": _has_value, "arity": {0: []}},
    "resolve": {"fn": _resolve, "arity": {0: []}},
}
