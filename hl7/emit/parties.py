"""The people, places and work that messages speak of, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Address:
    line: str = ""
    district: str = ""
    city: str = ""
    county: str = ""
    postcode: str = ""


@dataclass(frozen=True)
class Person:
    """A patient as one trust knows them. `gender` is the v2 code (table 0001: M F O U A N)."""

    mrn: str
    family: str
    given: str
    birth_date: date | None = None
    gender: str = "U"
    nhs_number: str = ""
    nhs_number_status: str = "01"
    mrn_authority: str = ""  # empty: the sender's MSH-4
    title: str = ""
    middle: str = ""
    address: Address | None = None
    phone: str = ""
    mobile: str = ""
    email: str = ""
    gp_code: str = ""
    gp_name: str = ""
    practice_code: str = ""
    practice_name: str = ""
    ethnic_category: str = ""
    deceased_at: datetime | None = None


@dataclass(frozen=True)
class Clinician:
    """A professional: `authority` says whose number `code` is (GMC, GMP, HCPC, NMC, or empty for a local login)."""

    code: str
    family: str
    given: str = ""
    title: str = ""
    authority: str = "GMC"


@dataclass(frozen=True)
class Visit:
    """A spell or attendance. `patient_class` is table 0004 (I O E P R B)."""

    number: str = ""
    patient_class: str = "O"
    ward: str = ""
    site: str = ""
    attending: Clinician | None = None
    referring: Clinician | None = None
    consulting: Clinician | None = None
    specialty: str = ""
    admitted_at: datetime | None = None
    discharged_at: datetime | None = None


@dataclass(frozen=True)
class Exam:
    """One ordered procedure and where its identifiers stand."""

    accession: str
    code: str
    name: str
    placer: str = ""
    filler: str = ""  # empty: the accession
    code_system: str = "NICIP"
    modality: str = ""
    study_uid: str = ""
    priority: str = "R"
    requested_at: datetime | None = None
    scheduled_at: datetime | None = None
    performed_at: datetime | None = None
    requester: Clinician | None = None
    clinical_information: str = ""
    reason: str = ""
    requested_procedure_id: str = ""
    scheduled_step_id: str = ""
    station_aet: str = ""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What was said. `status` is table 0123 (P F C X A ...); one OBX is sent for every line, empty ones too."""

    lines: tuple[str, ...]
    status: str = "F"
    reported_at: datetime | None = None
    reporter: Clinician | None = None
    second_reporter: Clinician | None = None
    radiographer: Clinician | None = None
    impression: tuple[str, ...] = ()
    pdf: bytes = b""
    comment: str = ""
    critical: bool = False


@dataclass(frozen=True)
class Occasion:
    """Why and when a message is sent: its time (now, if None), MSH-10 (made, if empty), ORC-1 and ORC-5 for orders."""

    when: datetime | None = None
    control_id: str = ""
    order_control: str = "NW"
    order_status: str = ""


NOW = Occasion()
