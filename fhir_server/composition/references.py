"""References between things that are known by business keys: found in fragments, replaced by logical ids.

`urn:key:<ResourceType>:<system>|<value>` stands for the thing until it has an id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_server.storage.contribution_rows import KEY_PREFIX, Name

#: The ids that a key stands for: one as a rule, several for an accession number with several studies, or none.
Lookup = Callable[[str, Name], list[str]]

_SUBJECT_ELEMENTS = ("subject", "patient", "for")


def parse_key(reference: str) -> tuple[str, Name]:
    """(resource type, name) of a `urn:key:` reference."""
    resource_type, _, rest = reference[len(KEY_PREFIX) :].partition(":")
    system, _, value = rest.partition("|")
    return resource_type, Name(system, value)


def find_keys(content: Any) -> Iterator[tuple[str, Name]]:
    """Every key that the content refers to."""
    if isinstance(content, dict):
        reference = content.get("reference")
        if isinstance(reference, str) and reference.startswith(KEY_PREFIX):
            yield parse_key(reference)
        for value in content.values():
            yield from find_keys(value)
    elif isinstance(content, list):
        for value in content:
            yield from find_keys(value)


def subject_of(content: Mapping[str, Any]) -> Name | None:
    """The source identity that the content is about."""
    for element in _SUBJECT_ELEMENTS:
        reference = content.get(element)
        if isinstance(reference, dict):
            for resource_type, name in find_keys(reference):
                if resource_type == "Patient":
                    return name
    return None


def resolve(content: Any, lookup: Lookup) -> Any:
    """The content with logical ids for keys. In a list, one key may become several references, without repeats."""
    if isinstance(content, dict):
        return _resolve_one(content, lookup)
    if isinstance(content, list):
        resolved: list[Any] = []
        for member in content:
            for value in _resolve_member(member, lookup):
                if value not in resolved or not (isinstance(value, dict) and "reference" in value):
                    resolved.append(value)
        return resolved
    return content


def _resolve_member(member: Any, lookup: Lookup) -> list[Any]:
    if isinstance(member, dict) and str(member.get("reference", "")).startswith(KEY_PREFIX):
        resource_type, name = parse_key(member["reference"])
        return [_place(member, resource_type, resource_id) for resource_id in lookup(resource_type, name)] or [
            _logical(member, resource_type, name)
        ]
    return [resolve(member, lookup)]


def _resolve_one(content: dict[str, Any], lookup: Lookup) -> dict[str, Any]:
    if str(content.get("reference", "")).startswith(KEY_PREFIX):
        first: dict[str, Any] = _resolve_member(content, lookup)[0]
        return first
    return {k: resolve(v, lookup) for k, v in content.items()}


def _place(reference: dict[str, Any], resource_type: str, resource_id: str) -> dict[str, Any]:
    return reference | {"reference": f"{resource_type}/{resource_id}"}


def _logical(reference: dict[str, Any], resource_type: str, name: Name) -> dict[str, Any]:
    """A thing that the record does not hold is referred to by its identifier."""
    rest = {k: v for k, v in reference.items() if k != "reference"}
    return {"type": resource_type, "identifier": name._asdict()} | rest
