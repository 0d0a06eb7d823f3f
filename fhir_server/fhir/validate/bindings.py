"""Required bindings: the code must be one of the value set's (https://hl7.org/fhir/R4/terminologies.html#required)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.definitions import definitions

# What a sentence can list before naming the value set is more use.
LISTED_MAX = 14

# Value sets that are defined by another standard: only the form of a code can be checked.
FORMS = {
    "http://hl7.org/fhir/ValueSet/currencies": (re.compile(r"[A-Z]{3}"), "a three-letter ISO 4217 currency code"),
    "http://hl7.org/fhir/ValueSet/mimetypes": (
        re.compile(r"[^\s/;]+/[^\s/;]+(\s*;.*)?|xml|json|ttl|none"),
        "a MIME type as in BCP 13",
    ),
}


@dataclass(frozen=True, slots=True)
class BoundCodes:
    """The (system, code) pairs that a Coding or CodeableConcept here must take one of."""

    value_set: str
    codings: frozenset[tuple[str, str]]
    is_concept: bool

    def problem(self, value: dict[str, Any]) -> str | None:
        """Return what is wrong, or None. A concept needs one coding from the value set; others may stand beside it."""
        codings = value.get("coding", ()) if self.is_concept else (value,)
        if not isinstance(codings, list | tuple):
            return None
        for coding in codings:
            if isinstance(coding, dict) and self._holds(coding.get("system"), coding.get("code")):
                return None
        subject = "needs a coding" if self.is_concept else "must be"
        return f"{subject} from the required value set {self.value_set}: {self._listing()}"

    def _holds(self, system: Any, code: Any) -> bool:
        return isinstance(system, str) and isinstance(code, str) and (system, code) in self.codings

    def _listing(self) -> str:
        pairs = sorted(self.codings)
        if len(pairs) > LISTED_MAX:
            return f"one of its {len(pairs)} codes, with its system"
        return "one of " + ", ".join(f"{system}|{code}" for system, code in pairs)


def code_check(value_set: str, form: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Return the check of a code, string or uri that must be in `value_set`, `form` being the check of its type."""
    codes = definitions().value_set_codes(value_set)
    if codes is None:
        return _form_check(value_set, form)
    sentence = f"must be {_codes(codes)} of the required value set {value_set}"

    def check(value: Any) -> str | None:
        if type(value) is str and value in codes:
            return None
        return form(value) or sentence

    return check


def _codes(codes: frozenset[str]) -> str:
    if len(codes) > LISTED_MAX:
        return f"one of the {len(codes)} codes"
    return f"one of the codes {', '.join(sorted(codes))}"


def _form_check(value_set: str, form: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    if value_set not in FORMS:
        return form
    pattern, meaning = FORMS[value_set]

    def check(value: Any) -> str | None:
        return form(value) or (None if pattern.fullmatch(value) else f"must be {meaning}")

    return check
