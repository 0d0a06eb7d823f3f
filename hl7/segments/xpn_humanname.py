"""XPN -> HumanName, XAD -> Address, XTN -> ContactPoint: how people are called and reached.

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-datatype-xpn-to-humanname.html
"""

from __future__ import annotations

from typing import Any

from hl7.tables.patient import ADDRESS_USES, NAME_USES, TELECOM_SYSTEMS, TELECOM_USES
from hl7.view import Field, Repetition


def human_names(field: Field, default_use: str = "") -> list[dict[str, Any]]:
    """The names in an XPN field; `default_use` stands where XPN.7 does not say."""
    names = (_human_name(rep, default_use) for rep in field.reps())
    return [name for name in names if name.keys() - {"use"}]


def _human_name(rep: Repetition, default_use: str) -> dict[str, Any]:
    kind = rep.get(7).upper()
    use = (default_use if default_use and not kind else None) or NAME_USES.get(kind)
    family = " ".join(part for part in (rep.component(1).sub(2).strip(), rep.component(1).sub(1).strip()) if part)
    name: dict[str, Any] = {"use": use, "family": family}
    name["given"] = [part for part in (rep.get(2), rep.get(3)) if part]
    name["prefix"] = [part for part in (rep.get(5),) if part]
    name["suffix"] = [part for part in (rep.get(4), rep.get(6)) if part]
    return {key: value for key, value in name.items() if value}


def addresses(field: Field) -> list[dict[str, Any]]:
    found = (_address(rep) for rep in field.reps())
    return [address for address in found if address.keys() - {"use", "type"}]


def _address(rep: Repetition) -> dict[str, Any]:
    """UK order: house and street, district, post town, county, postcode."""
    use, kind = ADDRESS_USES.get(rep.get(7).upper(), (None, None))
    street = rep.component(1)
    address: dict[str, Any] = {
        "use": use,
        "type": kind,
        "line": [part for part in (street.sub(1).strip(), street.sub(2).strip(), rep.get(2)) if part],
        "city": rep.get(3),
        "district": rep.get(4),
        "postalCode": rep.get(5),
        "country": rep.get(6),
    }
    return {key: value for key, value in address.items() if value}


def contact_points(field: Field, default_use: str) -> list[dict[str, Any]]:
    found = (_contact_point(rep, default_use) for rep in field.reps())
    return [point for point in found if point]


def _contact_point(rep: Repetition, default_use: str) -> dict[str, Any]:
    """An e-mail address may stand in XTN.4 or in XTN.1; later versions split a telephone number over XTN.5 to 8."""
    number, use, kind, email = rep.get(1), rep.get(2).upper(), rep.get(3).upper(), rep.get(4)
    email = email or (number if "@" in number else "")
    value = email or number or " ".join(part for part in (rep.get(5), rep.get(6), rep.get(7)) if part)
    if not value:
        return {}
    system = "email" if email else TELECOM_SYSTEMS.get(kind, "phone")
    mobile = kind == "CP" or use == "PRS"
    return {"system": system, "value": value, "use": "mobile" if mobile else TELECOM_USES.get(use, default_use)}
