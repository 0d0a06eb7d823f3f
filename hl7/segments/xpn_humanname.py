"""XPN -> HumanName, XAD -> Address, XTN -> ContactPoint: how people are called and reached.

https://build.fhir.org/ig/HL7/v2-to-fhir/ConceptMap-datatype-xpn-to-humanname.html
"""

from __future__ import annotations

from collections.abc import Iterator
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
    found = [point for rep in field.reps() for point in _contact_points(rep, default_use)]
    return [point for index, point in enumerate(found) if point not in found[:index]]


def _contact_points(rep: Repetition, default_use: str) -> Iterator[dict[str, Any]]:
    """A telephone number (XTN.1; later versions split it over XTN.5 to 7), an e-mail address (XTN.4 or XTN.1), or both.

    What stands in XTN.4 without an @ is an address only where XTN.3 says so or nothing else is there.
    """
    first, use, kind, fourth = rep.get(1), rep.get(2).upper(), rep.get(3).upper(), rep.get(4)
    number = "" if "@" in first else first or " ".join(part for part in (rep.get(5), rep.get(6), rep.get(7)) if part)
    email = first if "@" in first else fourth if "@" in fourth or kind == "INTERNET" or not number else ""
    known_use = TELECOM_USES.get(use, default_use)
    if number:
        mobile = kind == "CP" or use == "PRS"
        system = TELECOM_SYSTEMS.get(kind, "phone")
        system = "phone" if system == "email" and email else system
        yield {"system": system, "value": number, "use": "mobile" if mobile else known_use}
    if email:
        yield {"system": "email", "value": email, "use": known_use}
