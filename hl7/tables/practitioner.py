"""Whose number a clinician's code is, and the codes that name nobody (NHS Data Dictionary default codes).

https://www.datadictionary.nhs.uk/supporting_information/default_codes.html
"""

import re

from terminology.systems import (
    GMC_NUMBER,
    GMP_NUMBER,
    GPHC_NUMBER,
    HCPC_NUMBER,
    NMC_NUMBER,
    SDS_ROLE_PROFILE_ID,
    SDS_USER_ID,
)

# XCN.8 (v2.4 and HL7 UK A.3) or XCN.9 (later) to the identifier system.
SYSTEM_OF_AUTHORITY = {
    "GMC": GMC_NUMBER,
    "GMP": GMP_NUMBER,
    "HCPC": HCPC_NUMBER,
    "HPC": HCPC_NUMBER,
    "NMC": NMC_NUMBER,
    "GPHC": GPHC_NUMBER,
    "SDS": SDS_USER_ID,
    "SDSUSER": SDS_USER_ID,
    "SDSROLE": SDS_ROLE_PROFILE_ID,
}

# A GMC reference number with the consultant code's C, and a GP's code. Some systems send eight digits: not a number.
CONSULTANT_CODE = re.compile(r"C(\d{7})", re.ASCII)
GMC_REFERENCE = re.compile(r"\d{7}", re.ASCII)
GP_CODE = re.compile(r"G\d{7}", re.ASCII)

DEFAULT_PERSON_CODES = frozenset(
    {
        "C9999998", "D9999998", "H9999998", "M9999998", "N9999998", "CD999998", "R9999981", "X9999998",
        "G9999998", "G9999981", "A9999998", "9999998", "99999999", "UNKNOWN", "UNK",
    }
)  # fmt: skip
DEFAULT_ORGANIZATION_CODES = frozenset({"V81997", "V81998", "V81999", "89999", "89997", "X99998", "ZZ999"})
