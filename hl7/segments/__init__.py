"""One file per map from a segment (or data type) to FHIR R4, as HL7 v2-to-FHIR names them."""
