"""The dictionaries of every version are there as data."""

import pytest
from hl7apy import SUPPORTED_LIBRARIES

from hl7.versions import field_count, nearest_version, segment_definitions


@pytest.mark.parametrize("version", sorted(SUPPORTED_LIBRARIES))
def test_every_version_has_its_dictionary(version):
    definitions = segment_definitions(version)
    assert field_count(version, "PID") >= 20
    assert definitions["PID"][4].name.startswith("patient")
    assert field_count(version, "ZDS") == 0


@pytest.mark.parametrize(
    ("sent", "read"),
    [("2.4", "2.4"), ("2.4^GBR", "2.4"), ("2.3.2", "2.3.1"), ("2.9", "2.8.2"), ("", "2.5.1"), ("x", "2.5.1")],
)
def test_unknown_version_is_read_with_the_nearest(sent, read):
    assert nearest_version(sent) == read
