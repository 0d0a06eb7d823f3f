"""Synthetic resources with many kinds of elements, for what looks at documents."""

from __future__ import annotations

from typing import Any

NHS = "https://fhir.nhs.uk/Id/nhs-number"

RESOURCES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "Patient",
        "id": "ada",
        "meta": {"profile": ["https://profile.example/p"], "tag": [{"system": "https://tag.example", "code": "RX1"}]},
        "extension": [{"url": "http://extension.example", "valueString": "x"}],
        "identifier": [{"system": NHS, "value": "9990000018"}],
        "name": [{"use": "official", "family": "Ámbar", "given": ["Zoë", "Ann"], "text": "Zoë Ámbar"}],
        "telecom": [{"system": "phone", "value": "0116 496 0000"}, {"system": "email", "value": "ada@mail.example"}],
        "gender": "female",
        "birthDate": "1950-03",
        "deceasedBoolean": False,
        "address": [{"line": ["1 Low Lane"], "city": "Leicester", "postalCode": "LE1 5WW"}],
        "generalPractitioner": [{"reference": "Practitioner/gp"}, {"reference": "Organization/surgery"}],
        "link": [{"other": {"reference": "Patient/old"}, "type": "replaces"}],
    },
    {
        "resourceType": "ImagingStudy",
        "id": "ct",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.1"}],
        "status": "available",
        "subject": {"reference": "Patient/ada", "type": "Patient"},
        "encounter": {"reference": "Encounter/stay"},
        "started": "2026-06-15T00:30:00.125+01:00",
        "basedOn": [{"reference": "ServiceRequest/order"}],
        "endpoint": [{"reference": "Endpoint/pacs"}],
        "series": [
            {
                "uid": "2.25.2",
                "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"},
                "performer": [{"actor": {"reference": "Practitioner/rad"}}],
                "instance": [{"uid": "2.25.3", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840"}}],
            }
        ],
    },
    {
        "resourceType": "Observation",
        "id": "pressure",
        "status": "final",
        "category": [{"coding": [{"code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "pressure"},
        "subject": {"reference": "Patient/ada"},
        "effectivePeriod": {"start": "2026-06-15", "end": "2026-06-16"},
        "valueCodeableConcept": {"coding": [{"code": "high"}], "text": "raised"},
        "component": [
            {"code": {"coding": [{"code": "systolic"}]}, "valueQuantity": {"value": 140, "code": "mm[Hg]"}},
            {"code": {"text": "free"}, "valueCodeableConcept": {"coding": [{"code": "seated"}]}},
        ],
    },
    {
        "resourceType": "Condition",
        "id": "stroke",
        "subject": {"reference": "Patient/ada"},
        "onsetDateTime": "2026-06-14",
        "abatementString": "by summer's end",
    },
    {
        "resourceType": "Appointment",
        "id": "slot",
        "status": "booked",
        "start": "2026-06-20T09:00:00Z",
        "participant": [
            {"actor": {"reference": "Patient/ada"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/rad"}, "status": "accepted"},
            {"actor": {"reference": "https://other.example/fhir/Location/room"}, "status": "accepted"},
        ],
    },
    {
        "resourceType": "Task",
        "id": "read",
        "status": "requested",
        "intent": "order",
        "authoredOn": "2026-06-15T10:00:00Z",
        "focus": {"reference": "ImagingStudy/ct"},
        "for": {"reference": "Patient/ada"},
        "executionPeriod": {"start": "2026-06-15T10:00:00Z"},
    },
    {
        "resourceType": "MedicationRequest",
        "id": "contrast",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"code": "iohexol"}]},
        "subject": {"reference": "Patient/ada"},
    },
    {
        "resourceType": "PlanDefinition",
        "id": "pathway",
        "url": "http://plan.example/p",
        "status": "active",
        "useContext": [{"code": {"code": "age"}, "valueCodeableConcept": {"coding": [{"code": "adult"}]}}],
        "relatedArtifact": [
            {"type": "depends-on", "resource": "http://plan.example/q|1"},
            {"type": "depends-on", "resource": "http://plan.example/q|2"},
            {"type": "successor", "resource": "http://plan.example/r"},
        ],
    },
    {
        "resourceType": "Bundle",
        "id": "document",
        "type": "document",
        "timestamp": "2026-06-15T10:00:00Z",
        "entry": [{"resource": {"resourceType": "Composition", "id": "letter", "status": "final"}}],
    },
    {
        "resourceType": "Provenance",
        "id": "sent",
        "target": [{"reference": "DiagnosticReport/r/_history/2"}, {"reference": "Patient/ada"}],
        "recorded": "2026-06-15T10:00:00Z",
        "occurredDateTime": "2026-06-15",
        "agent": [{"who": {"reference": "Organization/rx1"}}],
    },
)
