"""How one feed uses HL7 v2, as data: the mapping options of a site profile (defaults follow HL7 UK A.3).

`issuer` is the namespace of the source system, a URI without a slash at its end, for example
`https://record.example/issuer/RX1/ris`. What only that system gives meaning to is named below it:
`<issuer>/mrn`, `/accession`, `/placer-order`, `/filler-order`, `/order-line`, `/placer-line`, `/report`, `/visit`,
`/requested-procedure`, `/scheduled-step`, `/requisition`, `/practitioner`, `/exam-code`, and
`/authority/<assigning authority>` for a patient number whose authority is not in `authorities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from hl7.tables.practitioner import DEFAULT_ORGANIZATION_CODES, DEFAULT_PERSON_CODES

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Profile:
    """The options. Field references are written as the standard prints them: `OBR-18`, `OBR-4.1`, `ZDS-1.1`."""

    issuer: str
    trust: str  # the custodian's ODS code
    name: str = "uk-a3"
    version: str = "1"

    # Patient numbers: assigning authority (CX.4) to identifier system; those in mrn_authorities, the trust's ODS code
    # and an empty authority all mean <issuer>/mrn, unless mrn_system names another system's numbers (a shared PAS).
    authorities: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    mrn_authorities: frozenset[str] = frozenset()
    mrn_system: str = ""
    nhs_numbers_traced: bool = False  # what a number without a tracing status (PID-32) counts as
    nhs_number_in_pid_19: bool = False

    # Orders and studies.
    accession_from: tuple[str, ...] = ("IPC-1", "OBR-18", "ORC-3", "OBR-3")
    accession_system: str = ""
    line_discriminator: tuple[str, ...] = ("OBR-4",)
    study_uid_from: tuple[str, ...] = ("IPC-3", "ZDS-1")
    sender_is_filler: bool = True  # a RIS announces; an order-communications system asks
    completed_order_means_reported: bool = False
    exam_code_system: str = ""  # for OBR-4 without a coding system; empty: <issuer>/exam-code
    code_systems: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    priority_words: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # local word to FHIR priority
    modality_in_obr_24: bool = True  # whether an ambiguous code (PT, SR, OT) is a DICOM modality
    modality_words: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    # Reports.
    report_key: tuple[str, ...] = ("OBR-3", "ORC-3", "OBR-18", "OBR-2", "ORC-2")
    report_per_code: bool = False  # one report for each procedure code instead of one for the filler group
    report_merge: Literal["snapshot", "line-merge"] = "snapshot"
    report_status_words: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # local OBR-25 to table 0123
    order_status_words: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # local ORC-5 to table 0038
    report_date_in_obr_7: bool = False  # OBR-7 is when the report was written, not when the exam took place
    section_words: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # local OBX-3.1 to a suffix (IMP, ADT)
    mdm_reports: bool = False

    # The message as a whole.
    default_charset: str = ""
    forced_charset: str = ""
    time_zone: str = "Europe/London"
    processing_ids: frozenset[str] = frozenset({"", "P"})
    ignored_person_codes: frozenset[str] = DEFAULT_PERSON_CODES
    ignored_organization_codes: frozenset[str] = DEFAULT_ORGANIZATION_CODES

    def system(self, kind: str) -> str:
        """The URI of a number or code that only this issuer gives meaning to."""
        if kind == "mrn" and self.mrn_system:
            return self.mrn_system
        if kind == "accession" and self.accession_system:
            return self.accession_system
        return f"{self.issuer}/{kind}"

    def patient_number_system(self, authority: str) -> str:
        """The identifier system of a patient number under this assigning authority."""
        if authority in self.authorities:
            return self.authorities[authority]
        if not authority or authority == self.trust or authority in self.mrn_authorities:
            return self.system("mrn")
        return self.system(f"authority/{quote(authority, safe='')}")
