"""The URIs of the identifier systems and code systems that the record speaks, as named constants.

FHIR R4 code systems (https://hl7.org/fhir/R4/terminologies-systems.html), the NHS naming systems
(https://simplifier.net/HL7FHIRUKCoreR4) and DICOM PS3.16 section 8 (coding scheme designators).
A local number without a national system gets a URI below its issuer: see `local_system`.
"""

from __future__ import annotations

# People.
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
GMC_NUMBER = "https://fhir.hl7.org.uk/Id/gmc-number"
GMP_NUMBER = "https://fhir.hl7.org.uk/Id/gmp-number"
HCPC_NUMBER = "https://fhir.hl7.org.uk/Id/hcpc-number"
NMC_NUMBER = "https://fhir.hl7.org.uk/Id/nmc-number"
GPHC_NUMBER = "https://fhir.hl7.org.uk/Id/gphc-number"
SDS_USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_ROLE_PROFILE_ID = "https://fhir.nhs.uk/Id/sds-role-profile-id"

# Organisations, places and systems.
ODS_ORGANIZATION_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE_CODE = "https://fhir.nhs.uk/Id/ods-site-code"
ACCREDITED_SYSTEM = "https://fhir.nhs.uk/Id/accredited-system"
# One published file spells it the British way; what arrives so is read as ODS_ORGANIZATION_CODE.
ODS_ORGANISATION_CODE_MISSPELT = "https://fhir.nhs.uk/Id/ods-organisation-code"

# DICOM.
DICOM_UID = "urn:dicom:uid"
DCM = "http://dicom.nema.org/resources/ontology/DCM"

# Clinical code systems.
SNOMED_CT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
OPCS_4 = "https://fhir.hl7.org.uk/CodeSystem/opcs-4"
READ_V2 = "http://read.info/readv2"
NICIP = "https://nicip.nhs.uk"

# HL7 code systems that the feeds and the record use.
V2_0074_DIAGNOSTIC_SERVICE = "http://terminology.hl7.org/CodeSystem/v2-0074"
V2_0203_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
V3_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
V3_ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
V3_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
V3_OBSERVATION_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
V3_PARTICIPATION_TYPE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PROVENANCE_PARTICIPANT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ENDPOINT_CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
ORGANIZATION_TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"
AUDIT_EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
RESTFUL_INTERACTION = "http://hl7.org/fhir/restful-interaction"

# Languages, countries, media.
BCP_47 = "urn:ietf:bcp:47"
BCP_13 = "urn:ietf:bcp:13"
RFC_3986_URI = "urn:ietf:rfc:3986"

# UK Core value sets and extensions that a feed's facts map to.
UK_CORE_NHS_NUMBER_VERIFICATION = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
UK_CORE_NHS_NUMBER_VERIFICATION_EXTENSION = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
)

# Codes of v2-0203 by which the record tells a local number's kind.
TYPE_MEDICAL_RECORD_NUMBER = "MR"
TYPE_ACCESSION = "ACSN"
TYPE_PLACER = "PLAC"
TYPE_FILLER = "FILL"

# DICOM coding scheme designators (PS3.16 section 8) and HL7 table 0396 names, in upper case, to FHIR systems.
SYSTEM_OF_DESIGNATOR = {
    "DCM": DCM,
    "SCT": SNOMED_CT,
    "SRT": SNOMED_CT,
    "SNM3": SNOMED_CT,
    "SNOMED-CT": SNOMED_CT,
    "SNOMEDCT": SNOMED_CT,
    "LN": LOINC,
    "UCUM": UCUM,
    "I10": ICD_10,
    "NICIP": NICIP,
}

ROOT_OF_LOCAL_SYSTEMS = "urn:x-imaging-record"


def local_system(issuer: str, kind: str) -> str:
    """Return the system URI of a number that only its issuer gives meaning to, e.g. kind `mrn` or `accession`.

    The issuer is the namespace of one source system (never a bare organisation code); a character that a URN does not
    allow is percent-encoded, so that two issuers never share a namespace.
    """
    return f"{ROOT_OF_LOCAL_SYSTEMS}:{_urn_part(issuer)}:{_urn_part(kind)}"


def _urn_part(text: str) -> str:
    if not text:
        raise ValueError("an issuer and a kind are needed to name a local identifier system")
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else _percent(c) for c in text)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
