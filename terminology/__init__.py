"""Terminology: code systems, value sets, concept maps and their loaders; pure, over a port that storage fills.

FHIR R4 terminology module: https://hl7.org/fhir/R4/terminology-module.html. HL7 v2 tables live in `hl7`, and the value
sets that R4 itself requires in `conformance.definitions`.
"""
