"""The HL7 v2 tables that the mapping reads, as data, one module per family."""
