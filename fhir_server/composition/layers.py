"""How statements about one thing are laid over each other: which wins, and what the losers still add.

The result is a function of the set of contributions: the order in which they arrived plays no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fhir_server.storage.contribution_rows import Contribution

Precedence = tuple[bool, int, int, int, str, str]

#: Choice elements: a form that a later layer gives takes the place of every other form.
_CHOICES = ("deceased", "effective", "occurrence", "performed", "multipleBirth", "onset", "value", "medication")


def precedence(c: Contribution) -> Precedence:
    """Who wins: an owner before a mention, then rank, then the newest event, then the newest message.

    Senders write times to the second or the minute, so two messages may bear the same: then the later control id
    (MSH-10) counts, since most feeds number what they send. The order of arrival never does: a replay, or a feed that
    is caught up, must end in the same record.
    """
    return (c.authoritative, c.status_rank, c.event_time, c.message_time, c.sequence, c.digest)


def in_force(contributions: Iterable[Contribution]) -> list[Contribution]:
    """The contributions that were not taken back, the strongest last.

    A retraction takes back what the same source said of the same key up to its own time.
    """
    found = list(contributions)
    retractions: dict[tuple[str, Any], int] = {}
    for c in found:
        if c.retracted:
            place = (c.source, c.key)
            retractions[place] = max(retractions.get(place, c.event_time), c.event_time)
    kept = [
        c
        for c in found
        if not c.retracted and ((c.source, c.key) not in retractions or c.event_time > retractions[c.source, c.key])
    ]
    return sorted(kept, key=precedence)


def overlay(
    layers: Sequence[Contribution], *, union: Sequence[str] = (), together: Sequence[str] = ()
) -> dict[str, Any]:
    """Lay the contents over each other, the strongest last; each element comes from the last layer that speaks of it.

    The elements in `union`, and those that a layer says it adds to, are gathered from all layers. Those in `together`
    belong to each other (the text of a report): they all come from the strongest layer that has any of them.
    """
    content: dict[str, Any] = {}
    union = tuple(dict.fromkeys([*union, *(name for layer in layers for name in layer.accumulates)]))
    for layer in layers:
        if any(name in layer.content for name in together):
            content = {k: v for k, v in content.items() if k not in together}
        for name, value in layer.content.items():
            if name not in union:
                _set(content, name, value)
    for name in union:
        content[name] = gather(layers, name)
    return {k: v for k, v in content.items() if v is not None and v != [] and v != {}}


def _set(content: dict[str, Any], name: str, value: Any) -> None:
    if not name.startswith("_"):
        content.pop(f"_{name}", None)
        for other in _other_forms(content, name) if value is not None else ():
            del content[other]
    content[name] = value


def _other_forms(content: dict[str, Any], name: str) -> list[str]:
    for choice in _CHOICES:
        if name.startswith(choice) and name[len(choice) : len(choice) + 1].isupper():
            return [n for n in content if n != name and n.startswith(choice) and n[len(choice) :][:1].isupper()]
    return []


def gather(layers: Sequence[Contribution], name: str) -> list[Any]:
    """The distinct members of a list element in all layers, those of the strongest first."""
    found: dict[str, Any] = {}
    for layer in reversed(layers):
        for member in layer.content.get(name) or ():
            found.setdefault(identity_of(member), member)
    return list(found.values())


def identity_of(member: Any) -> str:
    """What makes two members of a list the same: an identifier's system and value, a coding's system and code, a
    reference's target, or all."""
    if isinstance(member, dict):
        if "code" in member and "system" in member:
            return f"{member['system']}|{member['code']}"
        if "value" in member and "system" in member:
            return f"{member['system']}|{member['value']}"
        if "reference" in member:
            return str(member["reference"])
    return repr(member)


def strongest(layers: Sequence[Contribution], name: str) -> Any:
    """The value of the strongest layer that gives the element one."""
    return next((layer.content[name] for layer in reversed(layers) if layer.content.get(name) is not None), None)
