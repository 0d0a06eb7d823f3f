"""Studies of the emulated trusts for tests: one of each kind, small numbers, known words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from adapters.emulated_trust.images import KINDS
from adapters.emulated_trust.study import Place, StudyPatient, StudyPlan
from adapters.emulated_trust.uids import make_uid

ANN = StudyPatient("N1001", "RX1", "9990000018", "Brèdon", "Ann", date(1960, 1, 2), "F")
BOB = StudyPatient("N1002", "RX1", None, "Quilter", "Bob", date(1971, 3, 4), "M")
PLACE = Place("RX1", "Nottingham University Hospitals", "RX1RA", "Queen's Medical Centre")


def make_study(kind: str, patient: StudyPatient = ANN, variant: int = 1, days: int = 0, **known: object) -> StudyPlan:
    """A study of the kind, `days` after 2 January 2026."""
    usual = {
        "study_instance_uid": make_uid("test", kind, patient.patient_id, days),
        "kind": kind,
        "variant": variant,
        "place": PLACE,
        "patient": patient,
        "accession_number": f"00RX1{sorted(KINDS).index(kind):04d}{days:03d}",
        "started": datetime(2026, 1, 2, 10, 11, 12, tzinfo=UTC) + timedelta(days=days),
        "description": f"Test {kind}",
        "procedure_code": "CHEAD",
        "referrer": "Marlow^Jo",
    }
    return StudyPlan(**(usual | known))  # type: ignore[arg-type]
