"""Invariants written by hand: each a line that answers whether the object keeps the rule.

The keys, and the sentences shown when a rule is broken, are those of the R4 definitions; the rest of the published
invariants run through FHIRPath (`full`). Invariants: https://hl7.org/fhir/R4/conformance-rules.html#constraints.
A rule reads an object whose shape may be wrong elsewhere, so it must answer True for what it cannot judge.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from fhir_server.fhir.validate.rules_bundle import BUNDLE_RULES

Json = dict[str, Any]
Rule = Callable[[Json], bool]

UCUM = "http://unitsofmeasure.org"
CONDITION_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
TIMES_WITHOUT_OFFSET = ("C", "CM", "CD", "CV")


def has(value: Json, name: str) -> bool:
    """Whether the element is there, be it by its value or by its extensions alone."""
    return name in value or "_" + name in value


def has_choice(value: Json, stem: str) -> bool:
    """Whether any form of a choice element such as value[x] is there."""
    start, at = (stem, "_" + stem), len(stem)
    return any(key.startswith(start) and key.lstrip("_")[at : at + 1].isupper() for key in value)


def needs(name: str, *others: str) -> Rule:
    """`name` only together with one of `others`."""
    return lambda value: not has(value, name) or any(has(value, other) for other in others)


def excludes(name: str, *others: str) -> Rule:
    """`name` never together with one of `others`."""
    return lambda value: not (has(value, name) and any(has(value, other) for other in others))


def one_of(*names: str) -> Rule:
    """At least one of `names`."""
    return lambda value: any(has(value, name) for name in names)


def listed(value: Json, name: str) -> list[Json]:
    """The objects of an array element."""
    items = value.get(name, ())
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def codings(value: Json, name: str) -> set[tuple[Any, Any]]:
    """The (system, code) pairs of a CodeableConcept element."""
    concept = value.get(name)
    found = listed(concept, "coding") if isinstance(concept, dict) else []
    return {(coding.get("system"), coding.get("code")) for coding in found if _hashable(coding)}


def _hashable(coding: Json) -> bool:
    return all(isinstance(coding.get(name, ""), str) for name in ("system", "code"))


def number(value: Json, name: str) -> Decimal | None:
    """The value of a number element, or None."""
    found = value.get(name)
    if not isinstance(found, int | Decimal) or isinstance(found, bool):
        return None
    return Decimal(found) if Decimal(found).is_finite() else None


def in_order(start: Any, end: Any) -> bool:
    """Whether two dates or dateTimes are in order; True where their precisions or offsets leave it open."""
    if not (isinstance(start, str) and isinstance(end, str)):
        return True
    if "T" in start and "T" in end:
        return _instant(start) <= _instant(end) if start[10:] != end[10:] else start <= end
    shared = min(len(start.split("T")[0]), len(end.split("T")[0]))
    # A day with a time against a day alone: an offset may shift either by a day, so only the month is compared.
    shared = 7 if ("T" in start) != ("T" in end) and shared > 7 else shared
    return start[:shared] <= end[:shared]


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace(":60", ":59", 1)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _not_negative(name: str) -> Rule:
    return lambda value: (found := number(value, name)) is None or found >= 0


def _low_before_high(value: Json) -> bool:
    low, high = value.get("low"), value.get("high")
    if not (isinstance(low, dict) and isinstance(high, dict)) or low.get("code") != high.get("code"):
        return True
    first, second = number(low, "value"), number(high, "value")
    return first is None or second is None or first <= second


def _is_ratio(value: Json) -> bool:
    if has(value, "numerator") != has(value, "denominator"):
        return False
    return has(value, "numerator") or has(value, "extension")


def _ucum_with_code(value: Json) -> bool:
    return (has(value, "code") or not has(value, "value")) and value.get("system", UCUM) == UCUM


def _is_age(value: Json) -> bool:
    found = number(value, "value")
    return _ucum_with_code(value) and (found is None or found > 0)


def _is_count(value: Json) -> bool:
    return _ucum_with_code(value) and value.get("code", "1") == "1" and "." not in str(value.get("value", ""))


def _is_duration(value: Json) -> bool:
    return not has(value, "code") or (value.get("system") == UCUM and has(value, "value"))


def _offset_has_event(value: Json) -> bool:
    when = value.get("when")
    if not has(value, "offset"):
        return True
    return isinstance(when, list) and not any(event in TIMES_WITHOUT_OFFSET for event in when)


def _component_codes_differ(value: Json) -> bool:
    if not has_choice(value, "value"):
        return True
    own = codings(value, "code")
    return not any(own & codings(component, "code") for component in listed(value, "component"))


def _booked_has_times(value: Json) -> bool:
    return (has(value, "start") and has(value, "end")) or value.get("status") in ("proposed", "cancelled", "waitlist")


def _one_parameter_value(value: Json) -> bool:
    return [has(value, "part"), has_choice(value, "value"), has(value, "resource")].count(True) == 1


def _not_at_home(value: Json) -> bool:
    return value.get("use") != "home"


def _entered_in_error(system: str) -> Rule:
    return lambda value: (system, "entered-in-error") in codings(value, "verificationStatus")


def _abated_is_over(value: Json) -> bool:
    over = {(CONDITION_CLINICAL, code) for code in ("resolved", "remission", "inactive")}
    return not has_choice(value, "abatement") or bool(over & codings(value, "clinicalStatus"))


_condition_in_error = _entered_in_error(CONDITION_VERIFICATION)
_allergy_in_error = _entered_in_error(ALLERGY_VERIFICATION)

RULES: dict[str, dict[str, Rule]] = {
    "Age": {"age-1": _is_age},
    "AllergyIntolerance": {
        "ait-1": lambda v: _allergy_in_error(v) or has(v, "clinicalStatus"),
        "ait-2": lambda v: not _allergy_in_error(v) or not has(v, "clinicalStatus"),
    },
    "Appointment": {
        "app-2": lambda v: has(v, "start") == has(v, "end"),
        "app-3": _booked_has_times,
        # The published expression says no-show; the code is noshow.
        "app-4": lambda v: not has(v, "cancelationReason") or v.get("status") in ("noshow", "cancelled"),
    },
    "Appointment.participant": {"app-1": one_of("type", "actor")},
    "Attachment": {"att-1": needs("data", "contentType")},
    "AuditEvent.entity": {"sev-1": excludes("name", "query")},
    "Composition.section": {"cmp-1": one_of("text", "entry", "section"), "cmp-2": excludes("emptyReason", "entry")},
    "Condition": {
        "con-4": _abated_is_over,
        "con-5": lambda v: not _condition_in_error(v) or not has(v, "clinicalStatus"),
    },
    "Condition.evidence": {"con-2": one_of("code", "detail")},
    "Condition.stage": {"con-1": one_of("summary", "assessment")},
    "Consent": {"ppc-1": one_of("policy", "policyRule")},
    "ContactPoint": {"cpt-2": needs("value", "system")},
    "Count": {"cnt-3": _is_count},
    "Distance": {"dis-1": _ucum_with_code},
    "Duration": {"drt-1": _is_duration},
    "Expression": {"exp-1": one_of("expression", "reference")},
    "Extension": {"ext-1": lambda v: ("extension" in v) != has_choice(v, "value")},
    "Group": {"grp-1": lambda v: not has(v, "member") or v.get("actual") is True},
    "List": {
        "lst-1": excludes("emptyReason", "entry"),
        "lst-2": lambda v: v.get("mode") == "changes" or not any(has(e, "deleted") for e in listed(v, "entry")),
        "lst-3": lambda v: v.get("mode") == "working" or not any(has(e, "date") for e in listed(v, "entry")),
    },
    "Observation": {
        "obs-6": lambda v: not has(v, "dataAbsentReason") or not has_choice(v, "value"),
        "obs-7": _component_codes_differ,
    },
    "Observation.referenceRange": {"obs-3": one_of("low", "high", "text")},
    "Organization": {"org-1": one_of("identifier", "name")},
    "Organization.address": {"org-2": _not_at_home},
    "Organization.telecom": {"org-3": _not_at_home},
    "Parameters.parameter": {"inv-1": _one_parameter_value},
    "Patient.contact": {"pat-1": one_of("name", "telecom", "address", "organization")},
    "Period": {"per-1": lambda v: in_order(v.get("start"), v.get("end"))},
    "Quantity": {"qty-3": needs("code", "system")},
    "QuestionnaireResponse.item": {"qrs-1": excludes("answer", "item")},
    "Range": {"rng-2": _low_before_high},
    "Ratio": {"rat-1": _is_ratio},
    "ServiceRequest": {"prr-1": needs("orderDetail", "code")},
    "Task": {"inv-1": lambda v: in_order(v.get("authoredOn"), v.get("lastModified"))},
    "Timing.repeat": {
        "tim-1": needs("duration", "durationUnit"),
        "tim-2": needs("period", "periodUnit"),
        "tim-4": _not_negative("duration"),
        "tim-5": _not_negative("period"),
        "tim-6": needs("periodMax", "period"),
        "tim-7": needs("durationMax", "duration"),
        "tim-8": needs("countMax", "count"),
        "tim-9": _offset_has_event,
        "tim-10": excludes("timeOfDay", "when"),
    },
    **BUNDLE_RULES,
}
