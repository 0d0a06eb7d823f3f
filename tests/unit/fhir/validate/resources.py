"""Valid resources for the tests to spoil: synthetic people and studies, one of each kind that the record lives on."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>A <b>plain</b> summary</p></div>'

PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {
        "profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"],
        "lastUpdated": "2026-01-05T08:30:00Z",
    },
    "text": {"status": "generated", "div": DIV},
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018", "period": {"start": "2020"}}],
    "active": True,
    "name": [
        {
            "use": "official",
            "family": "Quillfeather",
            "given": ["Odile", None],
            "_given": [None, {"extension": [{"url": "http://example.org/unknown", "valueCode": "masked"}]}],
        }
    ],
    "telecom": [{"system": "phone", "value": "01632 960001", "rank": 1}],
    "gender": "female",
    "birthDate": "1970-02-28",
    "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1970-02-28T07:15:00+00:00"}]},
    "deceasedBoolean": False,
    "address": [{"line": ["1 Invented Row"], "postalCode": "ZZ99 3WZ"}],
    "contact": [{"name": {"text": "Barnaby Quillfeather"}}],
    "managingOrganization": {"reference": "Organization/rx1", "type": "Organization"},
}

IMAGING_STUDY: Json = {
    "resourceType": "ImagingStudy",
    "id": "study-1",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.826.0.1.3680043.10.999.1"}],
    "status": "available",
    "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
    "subject": {"reference": "Patient/p1"},
    "started": "2026-01-05T08:12:00.120+00:00",
    "basedOn": [{"reference": "#order"}],
    "endpoint": [{"reference": "Endpoint/pacs"}],
    "numberOfSeries": 1,
    "numberOfInstances": 312,
    "contained": [
        {
            "resourceType": "ServiceRequest",
            "id": "order",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p1"},
        }
    ],
    "series": [
        {
            "uid": "1.2.826.0.1.3680043.10.999.1.1",
            "number": 1,
            "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"},
            "bodySite": {"system": "http://snomed.info/sct", "code": "69536005"},
            "performer": [{"actor": {"reference": "Practitioner/r1"}}],
            "instance": [
                {
                    "uid": "1.2.826.0.1.3680043.10.999.1.1.1",
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2"},
                    "number": 1,
                }
            ],
        }
    ],
}

OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "73569-6"}], "text": "Dose length product"},
    "subject": {"reference": "Patient/p1"},
    "effectivePeriod": {"start": "2026-01-05", "end": "2026-01-05T08:30:00Z"},
    "valueQuantity": {
        "value": Decimal("6.30"),
        "unit": "mGy.cm",
        "system": "http://unitsofmeasure.org",
        "code": "mGy.cm",
    },
    "referenceRange": [{"low": {"value": 1}, "high": {"value": Decimal("9.5")}}],
}

CONDITION: Json = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "subject": {"reference": "https://fhir.example.org/r4/Patient/p1"},
}

TRANSACTION: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
            "resource": {"resourceType": "Patient", "name": [{"text": "Odile Quillfeather"}]},
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=x|1"},
        },
        {
            "fullUrl": "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9",
            "resource": {
                "resourceType": "ImagingStudy",
                "status": "available",
                "subject": {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"},
            },
            "request": {"method": "POST", "url": "ImagingStudy"},
        },
    ],
}

PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [{"name": "resource", "resource": PATIENT}, {"name": "since", "valueInstant": "2026-01-05T08:12:00Z"}],
}

BINARY: Json = {"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0x\nLjQK"}

VALID: dict[str, Json] = {
    "Patient": PATIENT,
    "ImagingStudy": IMAGING_STUDY,
    "Observation": OBSERVATION,
    "Condition": CONDITION,
    "Bundle": TRANSACTION,
    "Parameters": PARAMETERS,
    "Binary": BINARY,
}


def spoil(resource: Json, path: str, value: Any) -> Json:
    """Return a copy with `value` at a dotted path such as `name.0.given`; DROP takes the element away."""
    copied = copy.deepcopy(resource)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = copied
    for step in parents:
        place = place[step]
    if value is DROP:
        del place[last]
    else:
        place[last] = value
    return copied


DROP = object()
