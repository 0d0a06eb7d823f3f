"""From fragments to contributions: under which key each is kept, whom it is about, and what is only mentioned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fhir_server.composition.names import JOINABLE, choose_key
from fhir_server.composition.references import find_keys, subject_of
from fhir_server.fhir.documents import encode
from fhir_server.fhir.instants import instant_of
from fhir_server.storage.contribution_rows import KEY_PREFIX, NOBODY, Contribution, Name
from hl7.fragments import BusinessKey, Fragment, ReportLine
from hl7.tables.results import IMPRESSION_SUFFIX, SECTION_HEADINGS
from terminology.systems import NHS_NUMBER, TYPE_ACCESSION

_ENTERED_IN_ERROR = "entered-in-error"
_NUMBERED = frozenset({"Patient", "Practitioner", "Organization"})


@dataclass(frozen=True)
class Source:
    """Who says it: `name` is the feed (or archive), `issuer` its namespace; ids are "" without a message."""

    name: str
    issuer: str
    custodian: str
    message_time: datetime
    message_id: str = ""
    control_id: str = ""


def sequence_of(control_id: str) -> str:
    """The control id with its numbers padded, so that MSG9 sorts before MSG10."""
    return re.sub(r"\d+", lambda number: number[0].lstrip("0").rjust(20, "0"), control_id)


def contributions_of(fragments: Iterable[Fragment], source: Source) -> list[Contribution]:
    """What the fragments say, and a mention of everything that they only refer to."""
    said = [_contribution(fragment, number, source) for number, fragment in enumerate(fragments)]
    return said + list(_mentioned(said, source))


def patient_name(key: BusinessKey, source: Source) -> Name:
    """The source identity. An NHS number alone names a person for its sender only: it links, and is never a key."""
    name = Name(key.system, key.value)
    return _scoped(name, source) if key.resource_type == "Patient" else name


def _scoped(name: Name, source: Source) -> Name:
    return Name(f"{source.issuer}/nhs-number", name.value) if name.system == NHS_NUMBER else name


def _contribution(fragment: Fragment, number: int, source: Source) -> Contribution:
    content = _scoped_references(fragment.content, source)
    names = [patient_name(fragment.key, source), *(patient_name(a, source) for a in fragment.aliases)]
    if fragment.resource_type == "ImagingStudy":
        names += _accessions(content)
    key, aliases = choose_key(fragment.resource_type, names)
    if fragment.resource_type == "Patient":
        key, aliases = names[0], ()
    contribution = Contribution(
        contribution_id="",
        resource_type=fragment.resource_type,
        key=key,
        content=content,
        event_time=instant_of(fragment.event_time),
        message_time=instant_of(source.message_time),
        status_rank=fragment.status_rank,
        authoritative=fragment.authoritative,
        retracted=fragment.retracted and content.get("status") != _ENTERED_IN_ERROR,
        aliases=aliases,
        subject=subject_of(content) or NOBODY,
        source=source.name,
        custodian=source.custodian,
        message_id=source.message_id,
        sequence=sequence_of(source.control_id),
        accumulates=fragment.accumulates,
        report_lines=tuple(_report_line(line) for line in fragment.report_lines),
        refers_to=tuple(dict.fromkeys(key for key in find_keys(content) if key[0] in JOINABLE)),
    )
    return _identified(contribution, number)


def _report_line(line: ReportLine) -> dict[str, Any]:
    """The line with what a reader needs of its section, so that composing needs no table of HL7's."""
    return {
        "place": line.place,
        "section": line.section,
        "heading": SECTION_HEADINGS.get(line.section, ""),
        "conclusion": line.section == IMPRESSION_SUFFIX,
        "text": line.text,
        "withdrawn": line.withdrawn,
    }


def _identified(c: Contribution, number: int) -> Contribution:
    """With its digest and its id, by which saying it again changes nothing.

    A mention is known by what it says: everybody who says the same says it once. An archive's statement takes the
    place of its former one about the same thing.
    """
    digest = hashlib.sha256(encode([c.content, c.accumulates, c.report_lines])).hexdigest()
    about = (c.resource_type, *c.key)
    if not c.authoritative:
        identity = _digest("mention", *about, *c.subject, *(part for alias in c.aliases for part in alias), digest)
    elif c.message_id:
        identity = f"{c.message_id}.{number:03d}"
    else:
        identity = _digest("source", c.source, *about)
    return replace(c, digest=digest, contribution_id=identity)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:40]


def _accessions(content: dict[str, Any]) -> list[Name]:
    """The accession numbers among a study's identifiers, within their issuers."""
    return [
        Name(identifier["system"], identifier["value"])
        for identifier in content.get("identifier") or ()
        if identifier.get("system")
        and identifier.get("value")
        and any(c.get("code") == TYPE_ACCESSION for c in (identifier.get("type") or {}).get("coding") or ())
    ]


def _scoped_references(content: Any, source: Source) -> Any:
    """The content with references to a bare NHS number made references to the sender's identity of that number."""
    if isinstance(content, dict):
        scoped = {k: _scoped_references(v, source) for k, v in content.items()}
        reference = scoped.get("reference")
        prefix = f"{KEY_PREFIX}Patient:{NHS_NUMBER}|"
        if isinstance(reference, str) and reference.startswith(prefix):
            name = _scoped(Name(NHS_NUMBER, reference[len(prefix) :]), source)
            scoped["reference"] = f"{KEY_PREFIX}Patient:{name.system}|{name.value}"
        return scoped
    if isinstance(content, list):
        return [_scoped_references(v, source) for v in content]
    return content


def _mentioned(said: list[Contribution], source: Source) -> Iterator[Contribution]:
    """A mention of each thing that is referred to and not spoken of, so that no reference leads nowhere."""
    known = {(c.resource_type, name) for c in said for name in (c.key, *c.aliases)}
    for c in said:
        for resource_type, name in find_keys(c.content):
            if (resource_type, name) not in known:
                known.add((resource_type, name))
                yield mention(resource_type, name, c.subject if resource_type in _ABOUT_PATIENTS else NOBODY, source)


_ABOUT_PATIENTS = frozenset({"Encounter", "ServiceRequest", "ImagingStudy", "Task", "DiagnosticReport", "Observation"})


def mention(resource_type: str, name: Name, subject: Name, source: Source) -> Contribution:
    """That a thing with this name exists, and no more."""
    content: dict[str, Any] = {"resourceType": resource_type}
    if resource_type in _NUMBERED or resource_type in _ABOUT_PATIENTS:
        content["identifier"] = [_identifier(name)]
    moment = instant_of(source.message_time)
    plain = Contribution(
        "", resource_type, name, content, event_time=moment, message_time=moment, status_rank=-1, authoritative=False,
        subject=subject, source=source.name, custodian=source.custodian, message_id=source.message_id,
    )  # fmt: skip
    return _identified(plain, 0)


def _identifier(name: Name) -> dict[str, str]:
    system = NHS_NUMBER if name.system.endswith("/nhs-number") else name.system
    return {"system": system, "value": name.value}
