"""How AuditEvent codes what was done: type, subtype and profile of each interaction.

AuditEvent: https://hl7.org/fhir/R4/auditevent.html; the profiles are IHE BALP's: https://profiles.ihe.net/ITI/BALP/
"""

from __future__ import annotations

REST = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
DCM = "http://dicom.nema.org/resources/ontology/DCM"

_PROFILE_BASE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

SEARCHES = frozenset({"search", "search-type", "search-system"})
#: The codes of http://hl7.org/fhir/restful-interaction.
RESTFUL = SEARCHES | {
    "read", "vread", "update", "patch", "delete", "history", "history-instance", "history-type", "history-system",
    "create", "capabilities", "transaction", "batch", "operation",
}  # fmt: skip

#: Interactions of ours beside FHIR's, as DICOM codes audit messages (PS3.16 CID 400).
_DICOM = {
    "images-open": ("110103", "DICOM Instances Accessed"),
    "images-search": ("110112", "Query"),
    "images-store": ("110104", "DICOM Instances Transferred"),
    "portal-page": ("110110", "Patient Record"),
    "break-glass": ("110113", "Security Alert"),
    "export": ("110106", "Export"),
    "sign-in": ("110114", "User Authentication"),
}
_OTHER = ("110100", "Application Activity")

_PROFILES = {
    "read": ("Read", "R"),
    "vread": ("Read", "R"),
    "create": ("Create", "C"),
    "update": ("Update", "U"),
    "patch": ("Update", "U"),
    "delete": ("Delete", "D"),
} | dict.fromkeys(SEARCHES, ("Query", "E"))


def type_coding(interaction: str) -> dict[str, str]:
    """AuditEvent.type."""
    if interaction in RESTFUL:
        return {"system": REST, "code": "rest", "display": "RESTful Operation"}
    code, display = _DICOM.get(interaction, _OTHER)
    return {"system": DCM, "code": code, "display": display}


def subtype_codings(interaction: str) -> list[dict[str, str]]:
    """AuditEvent.subtype; a search is also coded as BALP wants it."""
    if interaction not in RESTFUL:
        return [{"code": interaction}]
    codes = ["search", interaction] if interaction in SEARCHES - {"search"} else [interaction]
    return [{"system": INTERACTION, "code": code, "display": code} for code in codes]


def profile_url(interaction: str, action: str, *, has_patient: bool) -> str | None:
    """The BALP profile that an event of success follows, if there is one for its interaction."""
    name, expected = _PROFILES.get(interaction, ("", ""))
    if not name or action != expected:
        return None
    return f"{_PROFILE_BASE}{'Patient' if has_patient else ''}{name}"


def interactions_of_type(system: str | None, code: str) -> tuple[frozenset[str], bool]:
    """The interactions that `type=system|code` names; the flag says that it is all others instead."""
    if code == "rest" and system in (None, REST):
        return RESTFUL, False
    if system not in (None, DCM):
        return frozenset(), False
    if code == _OTHER[0]:
        return RESTFUL | frozenset(_DICOM), True
    return frozenset(name for name, (dicom, _display) in _DICOM.items() if dicom == code), False


def interactions_of_subtype(system: str | None, code: str) -> frozenset[str]:
    """The interactions that `subtype=system|code` names."""
    if system not in (None, "", INTERACTION) or (system == INTERACTION and code not in RESTFUL):
        return frozenset()
    return SEARCHES if code == "search" else frozenset({code})
