"""The sample messages, mapped under the profile of their trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hl7.fragments import Fragment, MappedMessage
from hl7.message import peek_header
from hl7.messages import map_payload
from hl7.profile import Profile

SAMPLES = Path(__file__).parents[2] / "samples" / "hl7"
ISSUER = "https://record.example/issuer/{}/ris"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.hl7").read_bytes()


def profile_for(raw: bytes, **options: Any) -> Profile:
    trust = peek_header(raw).sending_facility
    return Profile(issuer=ISSUER.format(trust), trust=trust, **options)


def mapped(name: str, **options: Any) -> MappedMessage:
    raw = sample(name)
    return map_payload(raw, profile_for(raw, **options))


def only(message: MappedMessage, resource_type: str) -> Fragment:
    (found,) = of_type(message, resource_type)
    return found


def of_type(message: MappedMessage, resource_type: str) -> list[Fragment]:
    return [fragment for fragment in message.fragments if fragment.resource_type == resource_type]


def codes(message: MappedMessage) -> set[str]:
    return {f"{warning.location} {warning.code}" for warning in message.warnings}
