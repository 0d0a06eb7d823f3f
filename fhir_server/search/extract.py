"""From a document to its index rows, and to the patients it is about (design decisions 5 and 9).

The parameters of a type are grouped by the JSON member that they begin with, so that a document costs only the
parameters it has values for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.definitions import SearchParameter, definitions
from fhir_server.search import date, reference, string, token, uri
from fhir_server.search.expression import Branch, compile_expression
from fhir_server.search.reference_text import parse_literal
from fhir_server.search.rows import Emit, GatheredRows, MakeEmit, SearchContext
from fhir_server.storage.index_rows import IndexRows

#: Element types by parameter type. Number, quantity, composite and special parameters are not indexed yet.
EMITTERS: Mapping[str, Mapping[str, MakeEmit]] = {
    "token": token.EMITTERS,
    "string": string.EMITTERS,
    "date": date.EMITTERS,
    "reference": reference.EMITTERS,
    "uri": uri.EMITTERS,
}
#: Answered from the `resource` table itself.
ON_RESOURCE = frozenset({"_id", "_lastUpdated"})
_DEFAULT = SearchContext()


@dataclass(frozen=True)
class _Rule:
    number: int
    branch: Branch
    emit: Emit


def extract(resource_type: str, content: dict[str, Any], context: SearchContext = _DEFAULT) -> IndexRows:
    """The index rows of a validated document (parsed JSON)."""
    rows = GatheredRows(context)
    rules = _rules(resource_type)
    for member in (None, *content):
        for rule in rules.get(member, ()):
            for value in rule.branch.evaluate(content):
                rule.emit(rows, rule.number, value)
    return rows.freeze()


@cache
def _rules(resource_type: str) -> Mapping[str | None, tuple[_Rule, ...]]:
    found: dict[str | None, list[_Rule]] = {}
    for parameter in definitions().search_parameters(resource_type).values():
        emitters = EMITTERS.get(parameter.type, {}) if parameter.code not in ON_RESOURCE else {}
        for branch in branches_of(parameter) if emitters else ():
            if make_emit := emitters.get(branch.fhir_type):
                rule = _Rule(parameter.number, branch, make_emit(branch.element))
                found.setdefault(branch.first, []).append(rule)
    return {member: tuple(rules) for member, rules in found.items()}


@cache
def branches_of(parameter: SearchParameter) -> tuple[Branch, ...]:
    """The compiled expression of a parameter, only the alternatives that are indexed where the type has an index."""
    branches = compile_expression(parameter.expression, parameter.resource_type)
    emitters = EMITTERS.get(parameter.type)
    return branches if emitters is None else tuple(b for b in branches if b.fhir_type in emitters)


def patient_ids(resource_type: str, content: dict[str, Any], context: SearchContext = _DEFAULT) -> tuple[str, ...]:
    """The ids of the patients a document is about, sorted: itself, or whom it refers to, literally and in this record.

    By the parameters of the Patient compartment (https://hl7.org/fhir/R4/compartmentdefinition-patient.html), and by
    `patient` on the types that the compartment leaves out: a Task is about its patient too.
    """
    found: set[str] = set()
    if resource_type == "Patient" and "id" in content:
        found.add(content["id"])
    for branch in _patient_branches(resource_type):
        for value in branch.evaluate(content):
            literal = parse_literal(value.get("reference") or "", context.base_url)
            if literal and literal.resource_type == "Patient" and not literal.base:
                found.add(literal.resource_id)
    return tuple(sorted(found))


@cache
def _patient_branches(resource_type: str) -> tuple[Branch, ...]:
    if resource_type == "Patient":
        return ()  # Patient.link is how identities are related, not whom the resource is about
    parameters = definitions().search_parameters(resource_type)
    codes = dict.fromkeys((*definitions().patient_compartment.get(resource_type, ()), "patient"))
    tied = [parameters[code] for code in codes if code in parameters]
    return tuple(b for parameter in tied for b in branches_of(parameter) if b.fhir_type == "Reference")
