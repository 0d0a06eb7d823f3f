"""Which archives a study may name: those of what feeds say, never those of what a client wrote."""

from __future__ import annotations

import pytest

from fhir_server.imaging.regional_identity import make_identity
from fhir_server.imaging.study_access import OpenedStudy
from fhir_server.storage.imaging_rows import StudyRow


@pytest.mark.parametrize(("composed", "named"), [(True, ["e1"]), (False, [])])
def test_only_what_feeds_say_names_archives_to_ask(composed: bool, named: list[str]) -> None:
    document = {"resourceType": "ImagingStudy", "endpoint": [{"reference": "Endpoint/e1"}]}
    row = StudyRow("s1", 1, "p1", "RX1", b"{}", composed)
    identity = make_identity("p1", b"{}")
    assert OpenedStudy(row, document, identity).named_endpoints == named
