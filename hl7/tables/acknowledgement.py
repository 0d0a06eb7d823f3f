"""Acknowledgement codes (table 0008) and message error conditions (table 0357).

https://terminology.hl7.org/CodeSystem-v2-0008.html, https://terminology.hl7.org/CodeSystem-v2-0357.html
"""

ACKNOWLEDGEMENT_CODES = frozenset({"AA", "AE", "AR", "CA", "CE", "CR"})

GENERAL_ERROR = "207"
ERROR_CODES = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
