"""Site profiles as data: `profiles/*.json`, each inheriting from another (UK standard, vendor, trust).

A profile says what `hl7.profile.Profile` offers; a table (object) adds to the inherited one, everything else replaces.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from fhir_server.errors import BadRequest, NotFound
from hl7.profile import Profile
from terminology.systems import ROOT_OF_LOCAL_SYSTEMS

BASE = "uk-a3"
_TEST_PROCESSING_IDS = frozenset({"", "P", "T", "D"})
_INHERITANCE_MAX = 8

_words = fields.Dict(keys=fields.String(), values=fields.String())
_places = fields.List(fields.String(validate=validate.Regexp(r"[A-Z][A-Z0-9]{2}-\d+(\.\d+)?$")))
_codes = fields.List(fields.String())


class ProfileSchema(Schema):
    """One profile file."""

    name = fields.String(required=True)
    version = fields.String()
    description = fields.String()
    inherits = fields.String()
    source = fields.String()  # which of the trust's systems: the issuer is trust and source

    authorities = _words
    mrn_authorities = _codes
    mrn_system = fields.String()
    nhs_numbers_traced = fields.Boolean()
    nhs_number_in_pid_19 = fields.Boolean()
    accession_from = _places
    accession_system = fields.String()
    line_discriminator = _places
    study_uid_from = _places
    sender_is_filler = fields.Boolean()
    completed_order_means_reported = fields.Boolean()
    exam_code_system = fields.String()
    code_systems = _words
    priority_words = _words
    modality_in_obr_24 = fields.Boolean()
    modality_words = _words
    report_key = _places
    report_per_code = fields.Boolean()
    report_merge = fields.String(validate=validate.OneOf(["snapshot", "line-merge"]))
    report_status_words = _words
    order_status_words = _words
    report_date_in_obr_7 = fields.Boolean()
    section_words = _words
    mdm_reports = fields.Boolean()
    default_charset = fields.String()
    forced_charset = fields.String()
    time_zone = fields.String()
    processing_ids = _codes
    ignored_person_codes = _codes
    ignored_organization_codes = _codes


_FOLDER = resources.files("fhir_server.ingest") / "profiles"
_NOT_OPTIONS = frozenset({"inherits", "description", "source"})
_SETS = frozenset({"mrn_authorities", "processing_ids", "ignored_person_codes", "ignored_organization_codes"})


def profile_names() -> list[str]:
    """The profiles there are."""
    return sorted(entry.name.removesuffix(".json") for entry in _FOLDER.iterdir() if entry.name.endswith(".json"))


def default_profile(trust: str) -> str:
    """The trust's own profile, or the UK standard's."""
    return trust.lower() if trust.lower() in profile_names() else BASE


@cache
def load_profile(name: str, trust: str, *, production: bool = True) -> Profile:
    """The profile with everything that it inherits, for one trust. Raises NotFound, or BadRequest for a bad file."""
    options = _inherited(name)
    source = options.get("source", "ris")
    chosen = {k: _frozen(k, v) for k, v in options.items() if k not in _NOT_OPTIONS}
    if not production:
        chosen["processing_ids"] = _TEST_PROCESSING_IDS
    return Profile(issuer=issuer_of(trust, source), trust=trust, **chosen)


def issuer_of(trust: str, source: str = "ris") -> str:
    """The namespace of one of a trust's systems. Its numbers are below it, e.g. `/mrn` and `/accession`."""
    return f"{ROOT_OF_LOCAL_SYSTEMS}:{trust}.{source}"


def _inherited(name: str) -> dict[str, Any]:
    chain: list[dict[str, Any]] = []
    wanted: str | None = name
    while wanted:
        if len(chain) == _INHERITANCE_MAX:
            raise BadRequest(f"The profile {name} inherits from itself.")
        chain.append(_read(wanted))
        wanted = chain[-1].get("inherits")
    options: dict[str, Any] = {}
    for layer in reversed(chain):
        for key, value in layer.items():
            options[key] = {**options[key], **value} if isinstance(options.get(key), dict) else value
    return options


def _read(name: str) -> dict[str, Any]:
    if name not in profile_names():
        raise NotFound(f"There is no profile {name}; there are {', '.join(profile_names())}.")
    try:
        loaded: dict[str, Any] = ProfileSchema().load(json.loads((_FOLDER / f"{name}.json").read_text("utf-8")))
    except (ValidationError, ValueError) as error:
        raise BadRequest(f"The profile {name} cannot be read: {error}") from error
    return loaded


def _frozen(option: str, value: Any) -> Any:
    if isinstance(value, list):
        return frozenset(value) if option in _SETS else tuple(value)
    return value
