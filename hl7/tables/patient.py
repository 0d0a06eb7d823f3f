"""Tables about people: sex (0001), name types (0200), address types (0190), telecommunication (0201, 0202), status.

UK values follow the HL7 UK Standard A.3 and the NHS Data Dictionary. https://terminology.hl7.org/CodeSystem-v2-0001.html
"""

# Table 0001, and the NHS person gender codes (1, 2, 9, 0) that older systems send.
GENDERS = {
    "F": "female",
    "M": "male",
    "O": "other",
    "U": "unknown",
    "A": "other",
    "N": "other",
    "1": "male",
    "2": "female",
    "9": "other",
    "0": "unknown",
    "X": "unknown",
    "I": "other",
}

# UKCore-EthnicCategoryEngland: the NHS ethnic categories of the 2001 census.
ETHNIC_CATEGORIES = frozenset("ABCDEFGHJKLMNPRSZ") | {"99"}

# Table 0200 with the interoperability toolkit's words; None keeps the name without a use.
NAME_USES = {
    "": "official",
    "L": "official",
    "R": "official",
    "C": "official",
    "D": "usual",
    "PREFERRED": "usual",
    "M": "maiden",
    "PREVIOUS-MAIDEN": "maiden",
    "N": "nickname",
    "A": "nickname",
    "PREVIOUS": "old",
    "PREVIOUS-BIRTH": "old",
    "PREVIOUS-BACHELOR": "old",
    "B": "old",
    "T": "temp",
    "S": "anonymous",
}

# Table 0190 to (use, type): what the address is for, and whether it is for letters only.
ADDRESS_USES: dict[str, tuple[str | None, str | None]] = {
    "": ("home", None),
    "H": ("home", None),
    "P": ("home", None),
    "C": ("temp", None),
    "B": ("work", None),
    "O": ("work", None),
    "BA": ("old", None),
    "M": (None, "postal"),
}

# Table 0202 to ContactPoint.system, and table 0201 to ContactPoint.use.
TELECOM_SYSTEMS = {
    "PH": "phone",
    "CP": "phone",
    "FX": "fax",
    "BP": "pager",
    "INTERNET": "email",
    "X.400": "email",
    "MD": "other",
}
TELECOM_USES = {"PRN": "home", "ORN": "home", "WPN": "work", "VHN": "temp", "PRS": "mobile"}

MARITAL_STATUSES = {
    "A": "A", "D": "D", "I": "I", "L": "L", "M": "M", "P": "P", "S": "S", "T": "T", "U": "U", "W": "W", "C": "C",
}  # fmt: skip

# Identifier types (0203) that name a person in one system.
PERSON_NUMBER_TYPES = frozenset({"", "MR", "PI", "PN", "PT", "MRN", "HOSP", "U", "LR", "PE"})
# Types that name something else: a visit, an account, a document, an order. Kept, and never used as an identity.
OTHER_NUMBER_TYPES = frozenset(
    {
        "VN", "AN", "ANON", "ANC", "AND", "ANT", "SS", "SB", "SN", "DL", "DN", "PPN", "BC", "ACSN", "PLAC", "FILL",
        "PRN", "EI", "EN", "MC", "MA", "MB", "HC", "NII", "NIIP", "TAX", "XX", "SR", "BR", "WC", "WP", "GN", "PPSN",
    }
)  # fmt: skip
NHS_NUMBER_TYPES = frozenset({"NH", "NHS", "NI", "NHSNMBR"})
# Authorities under which feeds send the NHS number (A.3 says NHS; its OID and words are seen too).
NHS_AUTHORITIES = frozenset({"NHS", "NHSNO", "NHSNBR", "2.16.840.1.113883.2.1.4.1"})

# The English verification status (UK Core); 01 is present and verified.
VERIFICATION_STATUSES = {
    "01": "Number present and verified",
    "02": "Number present but not traced",
    "03": "Trace required",
    "04": "Trace attempted - No match or multiple match found",
    "05": "Trace needs to be resolved - (NHS Number or patient detail conflict)",
    "06": "Trace in progress",
    "07": "Number not present and trace not required",
    "08": "Trace postponed (baby under six weeks old)",
}
