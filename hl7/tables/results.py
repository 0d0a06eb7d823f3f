"""Result status (0123), observation status (0085) and their places in a report's life.

https://terminology.hl7.org/CodeSystem-v2-0123.html, https://terminology.hl7.org/CodeSystem-v2-0085.html
"""

# A lower rank never replaces a higher one; equal ranks go by the time of the report (OBR-22).
REPORT_RANKS = {
    "registered": 0,
    "unknown": 0,
    "partial": 1,
    "preliminary": 2,
    "final": 3,
    "amended": 4,
    "corrected": 4,
    "appended": 4,
    "cancelled": 4,
    "entered-in-error": 5,
}
FINAL_RANK = REPORT_RANKS["final"]

# Table 0123; R is stored and not verified, so it is never shown as final.
RESULT_STATUSES = {
    "O": "registered",
    "I": "registered",
    "S": "registered",
    "N": "registered",
    "A": "partial",
    "R": "partial",
    "P": "preliminary",
    "M": "preliminary",
    "F": "final",
    "C": "corrected",
    "X": "cancelled",
}
# Answers to queries: they must never arrive unsolicited.
QUERY_ONLY_RESULT_STATUSES = frozenset({"Y", "Z"})

# Table 0085; an empty value makes no Observation.
OBSERVATION_STATUSES = {
    "P": "preliminary",
    "R": "preliminary",
    "S": "preliminary",
    "I": "registered",
    "F": "final",
    "V": "final",
    "U": "final",
    "C": "corrected",
    "A": "amended",
    "B": "amended",
    "D": "entered-in-error",
    "W": "entered-in-error",
    "X": "cancelled",
    "N": "",
    "O": "",
}
# Without OBR-25, what OBX-11 says of the lines stands for the report.
REPORT_STATUS_OF_LINES = {
    "P": "preliminary",
    "R": "partial",
    "S": "partial",
    "I": "registered",
    "F": "final",
    "V": "final",
    "U": "final",
    "C": "corrected",
    "A": "amended",
    "B": "appended",
    "D": "entered-in-error",
    "W": "entered-in-error",
    "X": "cancelled",
}
REPORT_STATUS_OF_ORDER = {"CM": "final", "A": "partial", "IP": "registered", "SC": "registered", "CA": "cancelled"}

# Table 0078: abnormal flags that call for a person at once.
CRITICAL_FLAGS = frozenset({"AA", "HH", "LL"})

# Table 0078 as FHIR has it (v3-ObservationInterpretation).
INTERPRETATIONS = {
    "L": "Low",
    "H": "High",
    "LL": "Critical low",
    "HH": "Critical high",
    "<": "Off scale low",
    ">": "Off scale high",
    "N": "Normal",
    "A": "Abnormal",
    "AA": "Critical abnormal",
    "U": "Significant change up",
    "D": "Significant change down",
    "B": "Better",
    "W": "Worse",
    "S": "Susceptible",
    "R": "Resistant",
    "I": "Intermediate",
}

# OBX-3 suffixes (HL7 v2 chapter 7.2.4, table 0396 suffixes) to the heading of the section; GDT is the body.
SECTION_HEADINGS = {
    "GDT": "",
    "IMP": "Impression",
    "REC": "Recommendation",
    "ADT": "Addendum",
    "ADM": "Addendum",
    "ANI": "Clinical information",
    "HIS": "History",
    "CNP": "Conclusion",
    "PRO": "Procedure",
    "TEC": "Technique",
    "DEV": "Device",
    "CMP": "Comparison",
    "FND": "Findings",
}
IMPRESSION_SUFFIX = "IMP"
