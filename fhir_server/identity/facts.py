"""What an identity's demographics say as far as linking goes: its verified NHS number and its birth date. Pure.

NHS number verification status 01 is "present and verified"
(https://simplifier.net/HL7FHIRUKCoreR4, CodeSystem UKCore-NHSNumberVerificationStatusEngland).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.storage.contribution_rows import Contribution, Identity
from terminology.nhs_number import is_valid_nhs_number
from terminology.systems import NHS_NUMBER, UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION

VERIFIED = "01"


@dataclass(frozen=True)
class Facts:
    """`nhs_number` is "" unless verified; `birth_date` is YYYY-MM-DD or ""."""

    nhs_number: str = ""
    birth_date: str = ""
    contradicts_itself: bool = False


def read_facts(contributions: Iterable[Contribution]) -> Facts:
    """The facts of one identity: of its owner's statements, else of mentions; the newest that speaks decides.

    An identity whose owner has claimed two verified NHS numbers contradicts itself until somebody says which is right.
    """
    layers = sorted((c for c in contributions if not c.retracted), key=_newest_last)
    owners = [c for c in layers if c.authoritative]
    numbers = {n for c in owners if (n := verified_nhs_number(c.content))}
    spoken = owners or layers
    return Facts(_newest_number(spoken), _newest_birth_date(spoken), len(numbers) > 1)


def _newest_last(c: Contribution) -> tuple[int, int, str, str]:
    """As `composition.layers.precedence` orders them."""
    return (c.event_time, c.message_time, c.sequence, c.digest)


def _newest_number(layers: Sequence[Contribution]) -> str:
    return next((n for c in reversed(layers) if (n := verified_nhs_number(c.content))), "")


def _newest_birth_date(layers: Sequence[Contribution]) -> str:
    spoken = next((c.content["birthDate"] for c in reversed(layers) if "birthDate" in c.content), None)
    return spoken if isinstance(spoken, str) and len(spoken) == len("1970-01-01") else ""


def verified_nhs_number(patient: dict[str, Any]) -> str:
    """The Patient's NHS number when its source says that it was traced; "" otherwise."""
    for identifier in patient.get("identifier") or ():
        if identifier.get("system") == NHS_NUMBER and identifier.get("use") != "old" and _is_verified(identifier):
            value = str(identifier.get("value", ""))
            return value if is_valid_nhs_number(value) else ""
    return ""


def _is_verified(identifier: dict[str, Any]) -> bool:
    return any(
        coding.get("code") == VERIFIED
        for extension in identifier.get("extension") or ()
        if extension.get("url") == UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION
        for coding in (extension.get("valueCodeableConcept") or {}).get("coding") or ()
    )


def with_facts(identity: Identity, facts: Facts) -> Identity:
    return replace(
        identity,
        nhs_number=facts.nhs_number,
        birth_date=facts.birth_date,
        contradicts_itself=facts.contradicts_itself,
    )
