"""Random small regions, queries and access rules for property tests: few values, so that they often meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fhir_server.access.predicate import AccessRule
from fhir_server.search.in_memory import IndexedDocument
from tests.support.index_writer import WrittenResource

SYSTEMS = ("https://fhir.nhs.uk/Id/nhs-number", "https://rx1.example/mrn")
CODES = ("CT", "MR")
FAMILIES = ("O'Brien", "Obrien", "Van Dyke", "vandyke", "Zoë", "ZOE", "Ängström", "100%_x", "李")
DATES = (
    "2026", "2026-03", "2026-03-29", "2026-03-28T23:30:00Z", "2026-03-29T00:30:00+01:00", "2026-06-15",
    "2026-06-14T23:30:00Z", "2026-10-25T01:30:00Z", "1999-12-31", "2026-03-29T10:00:00.123Z",
)  # fmt: skip
IDS = ("1", "2", "3")
TRUSTS = (None, "RX1", "RNQ")
_DAY = 86_400_000_000
_MOMENT = 1_767_225_600_000_000  # 2026-01-01

identifiers = st.fixed_dictionaries({"value": st.sampled_from(CODES)}, optional={"system": st.sampled_from(SYSTEMS)})
concepts = st.one_of(
    st.just({"text": "free"}),
    st.lists(
        st.fixed_dictionaries({"code": st.sampled_from(CODES)}, optional={"system": st.sampled_from(SYSTEMS)}),
        min_size=1,
        max_size=2,
    ).map(lambda codings: {"coding": codings}),
)
moments = st.sampled_from([d for d in DATES if "T" in d])
periods = st.fixed_dictionaries({}, optional={"start": st.sampled_from(DATES), "end": st.sampled_from(DATES)})


def references(*types: str) -> st.SearchStrategy[dict[str, Any]]:
    literal = st.builds(
        "{}/{}{}".format, st.sampled_from(types), st.sampled_from(IDS), st.sampled_from(("", "/_history/2"))
    )
    absolute = st.builds("https://other.example/fhir/{}/{}".format, st.sampled_from(types), st.sampled_from(IDS))
    texts = st.one_of(literal, literal, literal, absolute).map(lambda text: {"reference": text})
    return st.one_of(texts, texts, identifiers.map(lambda identifier: {"identifier": identifier}))


@st.composite
def _optional(
    draw: st.DrawFn, kind: str, elements: dict[str, st.SearchStrategy[Any]], **required: Any
) -> dict[str, Any]:
    """A document with nearly all of the elements."""
    absent = draw(st.sets(st.sampled_from(sorted(elements)), max_size=2)) if draw(st.booleans()) else set()
    present = {name: draw(values) for name, values in elements.items() if name not in absent}
    return {"resourceType": kind, **required, **present}


names = st.fixed_dictionaries(
    {},
    optional={
        "family": st.sampled_from(FAMILIES),
        "given": st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=2),
    },
)
DOCUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "Patient": _optional(
        "Patient",
        {
            "identifier": st.lists(identifiers, min_size=1, max_size=2),
            "name": st.lists(names, min_size=1, max_size=2),
            "birthDate": st.sampled_from([d for d in DATES if "T" not in d]),
            "gender": st.sampled_from(("male", "female")),
            "generalPractitioner": st.lists(references("Practitioner", "Organization"), max_size=2),
        },
    ),
    "ImagingStudy": _optional(
        "ImagingStudy",
        {
            "identifier": st.lists(identifiers, max_size=2),
            "series": st.lists(
                st.fixed_dictionaries({"code": st.sampled_from(CODES)}).map(lambda code: {"modality": code}), max_size=2
            ),
            "started": st.sampled_from(DATES),
            "subject": references("Patient", "Device"),
            "basedOn": st.lists(references("ServiceRequest"), max_size=2),
            "meta": st.fixed_dictionaries({"tag": st.just([{"system": SYSTEMS[1], "code": "RX1"}])}),
        },
        status="available",
    ),
    "DiagnosticReport": _optional(
        "DiagnosticReport",
        {
            "code": concepts,
            "effectivePeriod": periods,
            "issued": moments,
            "subject": references("Patient", "Group"),
            "basedOn": st.lists(references("ServiceRequest"), max_size=2),
            "resultsInterpreter": st.lists(references("Practitioner"), max_size=2),
        },
        status="final",
    ),
    "Practitioner": _optional(
        "Practitioner",
        {"identifier": st.lists(identifiers, max_size=2), "name": st.lists(names, min_size=1, max_size=1)},
    ),
    "ServiceRequest": _optional(
        "ServiceRequest",
        {
            "identifier": st.lists(identifiers, max_size=2),
            "authoredOn": st.sampled_from(DATES),
            "code": concepts,
            "subject": references("Patient"),
        },
    ),
    "Group": _optional("Group", {"member": st.lists(references("Patient").map(lambda r: {"entity": r}), max_size=2)}),
    "ValueSet": _optional(
        "ValueSet",
        {"url": st.sampled_from(("http://a.example/v", "http://a.example/V")), "date": st.sampled_from(DATES)},
    ),
}
#: How many of each type a region has at most.
SIZES = {
    "Patient": 4,
    "ImagingStudy": 4,
    "DiagnosticReport": 3,
    "ServiceRequest": 2,
    "Practitioner": 2,
    "Group": 1,
    "ValueSet": 2,
}


@st.composite
def regions(draw: st.DrawFn, sizes: dict[str, int] = SIZES) -> list[WrittenResource]:
    """Resources with distinct keys and distinct (type, id), in a random order of keys."""
    names = [(kind, str(n)) for kind, most in sizes.items() for n in range(1, most + 1)]
    present = draw(st.permutations(names))[draw(st.integers(0, 3)) :]
    return [
        WrittenResource(
            key,
            {**draw(DOCUMENTS[kind]), "id": resource_id},
            last_updated=_MOMENT + draw(st.integers(0, 3)) * _DAY,
            deleted=draw(st.integers(0, 9)) == 5,
            custodian=draw(st.sampled_from(TRUSTS)),
            sealed=draw(st.sampled_from((0, 0, 0, 1))),
        )
        for key, (kind, resource_id) in enumerate(present, start=1)
    ]


def to_reference(written: WrittenResource) -> IndexedDocument:
    return IndexedDocument(
        written.resource_key, written.resource_type, written.resource_id, written.last_updated, written.rows,
        written.patients, written.custodian, written.sealed, written.deleted,
    )  # fmt: skip


rules = st.one_of(
    st.just(AccessRule(None, None, None, unrestricted=True)),
    st.builds(
        AccessRule,
        st.sampled_from(
            (None, frozenset({"Patient", "ImagingStudy", "DiagnosticReport"}), frozenset({"ImagingStudy"}))
        ),
        st.sampled_from((None, "RX1", "RNQ")),
        st.sampled_from((None, "1", "2")),
    ),
)

# --- queries: (type, parameters)

_tokens = st.one_of(
    st.sampled_from(CODES),
    st.sampled_from((*CODES, "ct", "male")),
    st.builds("{}|{}".format, st.sampled_from((*SYSTEMS, *SYSTEMS, "", "urn:unknown")), st.sampled_from(CODES)),
    st.sampled_from(SYSTEMS).map(lambda s: f"{s}|"),
)
_strings = st.sampled_from([n[:k] for n in FAMILIES for k in (1, 4, 20)])
_prefixed = st.builds(
    "{}{}".format, st.sampled_from(("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")), st.sampled_from(DATES)
)
_booleans = st.sampled_from(("true", "false"))
_patients = st.one_of(
    st.sampled_from(IDS), st.sampled_from(IDS).map(lambda i: f"Patient/{i}"),
    st.sampled_from(("https://other.example/fhir/Patient/1", "Patient/1/_history/2")),
)  # fmt: skip


def _several(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=2).map(",".join)


def _pair(names: tuple[str, ...], values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(names), _several(values))


def _one(names: tuple[str, ...], values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(names), values)


_everywhere = st.one_of(
    _pair(("_id",), st.sampled_from(IDS)),
    _pair(
        ("_lastUpdated",),
        st.builds("{}2026-01-0{}".format, st.sampled_from(("", "gt", "lt", "ge", "le", "ne")), st.integers(1, 4)),
    ),
    _pair(("_tag", "_tag:not"), st.sampled_from(("RX1", f"{SYSTEMS[1]}|RX1", "no"))),
)
CRITERIA: dict[str, st.SearchStrategy[tuple[str, str]]] = {
    "Patient": st.one_of(
        _everywhere,
        _pair(("identifier", "identifier:not", "gender", "gender:not"), _tokens),
        _pair(("family", "name", "given:exact", "family:contains", "name:exact"), _strings),
        _pair(("birthdate",), _prefixed),
        _one(("birthdate:missing", "family:missing", "general-practitioner:missing"), _booleans),
        _pair(("_has:ImagingStudy:patient:identifier", "_has:DiagnosticReport:subject:code"), _tokens),
        _pair(("_has:DiagnosticReport:patient:based-on.code",), _tokens),
        _one(("_has:ImagingStudy:subject:started:missing",), _booleans),
        _pair(("general-practitioner.identifier", "general-practitioner:Practitioner.identifier"), _tokens),
    ),
    "ImagingStudy": st.one_of(
        _everywhere,
        _pair(("identifier", "modality", "modality:not", "status"), _tokens),
        _pair(("subject:identifier", "patient:identifier", "basedon.identifier"), _tokens),
        _pair(("patient.identifier", "subject.identifier", "subject:Patient.identifier"), _tokens),
        _pair(("patient.family", "subject.name:exact"), _strings),
        _pair(("started", "patient.birthdate"), _prefixed),
        _pair(("patient", "subject", "subject:Patient"), _patients),
        _one(("subject:missing", "started:missing", "patient:missing", "modality:missing"), _booleans),
    ),
    "DiagnosticReport": st.one_of(
        _everywhere,
        _pair(("code", "code:not", "subject:identifier"), _tokens),
        _pair(("date", "issued", "based-on:ServiceRequest.authored"), _prefixed),
        _pair(("patient", "subject"), _patients),
        _pair(("based-on:ServiceRequest.patient.family", "results-interpreter.name"), _strings),
        _pair(("based-on.identifier",), _tokens),
    ),
    "Practitioner": st.one_of(_everywhere, _pair(("identifier",), _tokens), _pair(("family", "name"), _strings)),
    "ValueSet": st.one_of(
        _everywhere, _one(("url",), st.sampled_from(("http://a.example/v", "http://b"))), _pair(("date",), _prefixed)
    ),
}  # fmt: skip
SORTS = {
    "Patient": ("family", "birthdate", "identifier", "general-practitioner", "gender"),
    "ImagingStudy": ("started", "modality", "subject", "identifier"),
    "DiagnosticReport": ("date", "issued", "code", "based-on"),
    "Practitioner": ("name",),
    "ValueSet": ("url", "date"),
}
INCLUDES = {
    "Patient": (("_revinclude", "ImagingStudy:patient"), ("_include", "Patient:general-practitioner:Practitioner")),
    "ImagingStudy": (("_include", "ImagingStudy:subject"), ("_include", "ImagingStudy:basedon")),
    "DiagnosticReport": (
        ("_include", "DiagnosticReport:based-on"),
        ("_include", "DiagnosticReport:subject:Patient"),
    ),
    "Practitioner": (("_revinclude", "Patient:general-practitioner"),),
    "ValueSet": (),
}


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """A type and the parameters of a search on it, with an order, a page size and includes at times."""
    kind = draw(st.sampled_from(("Patient", "ImagingStudy", "DiagnosticReport", *sorted(CRITERIA))))
    parameters = draw(st.lists(CRITERIA[kind], min_size=draw(st.sampled_from((0, 1, 1, 1, 2))), max_size=2))
    keys = draw(st.lists(st.sampled_from((*SORTS[kind], "_id", "_lastUpdated")), max_size=3, unique=True))
    if keys:
        parameters.append(("_sort", ",".join(draw(st.sampled_from(("", "-"))) + key for key in keys)))
    if INCLUDES[kind]:
        parameters += draw(st.lists(st.sampled_from(INCLUDES[kind]), max_size=2, unique=True))
    return kind, [*parameters, ("_count", str(draw(st.integers(1, 4))))]
