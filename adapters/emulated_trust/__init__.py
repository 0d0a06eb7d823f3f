"""A pretend trust: a RIS that speaks HL7 v2 over MLLP and a PACS that speaks DICOMweb and DIMSE, for demo and tests."""
