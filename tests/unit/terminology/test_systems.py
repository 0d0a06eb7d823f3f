"""Local identifier systems never share a namespace."""

import pytest

from terminology.systems import local_system


def test_local_system_is_a_urn_below_its_issuer() -> None:
    assert local_system("RX1-ris", "accession") == "urn:x-imaging-record:RX1-ris:accession"


def test_issuers_that_differ_in_a_reserved_character_have_different_systems() -> None:
    assert local_system("RX1:ris", "mrn") == "urn:x-imaging-record:RX1%3Aris:mrn"
    assert local_system("RX1:ris", "mrn") != local_system("RX1", "ris:mrn")


def test_missing_issuer_is_refused() -> None:
    with pytest.raises(ValueError, match="issuer"):
        local_system("", "mrn")
