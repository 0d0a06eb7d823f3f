"""Profiles as data: every file loads, and inherits as it says."""

from __future__ import annotations

import pytest

from fhir_server.errors import NotFound
from fhir_server.ingest.lanes import lanes_of
from fhir_server.ingest.site_profiles import default_profile, issuer_of, load_profile, profile_names
from hl7.emit import make_adt, make_merge
from tests.support.feed_store import on, person, sender


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_loads(name: str) -> None:
    assert load_profile(name, "RX1").name == name


@pytest.mark.parametrize("ods", ["RX1", "RNQ", "RFS", "RNS", "RWE", "RWD", "RK5", "RTG"])
def test_each_trust_has_its_own_profile(ods: str) -> None:
    profile = load_profile(default_profile(ods), ods)
    assert profile.name == ods.lower() and profile.issuer == issuer_of(ods) and profile.trust == ods


def test_words_add_to_the_inherited_ones() -> None:
    words = load_profile("rfs", "RFS").priority_words
    assert words["1"] == "stat" and words["2WW"] == "urgent"


def test_trust_without_a_profile_has_the_standards() -> None:
    assert default_profile("RZZ") == "uk-a3"


def test_unknown_profile_is_named_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="uk-a3"):
        load_profile("nowhere", "RX1")


def test_test_feed_takes_test_messages() -> None:
    assert "T" in load_profile("rx1", "RX1", production=False).processing_ids


def test_messages_of_one_patient_share_a_lane_and_a_merge_stands_in_two() -> None:
    anna, double = person("K1", 1), person("K2")
    one = lanes_of(make_adt("A28", sender(), anna, occasion=on(0)), "f")
    other = lanes_of(make_adt("A31", sender(), double, occasion=on(1)), "f")
    merge = lanes_of(make_merge(sender(), anna, "K2", occasion=on(2)), "f")
    assert (merge.lane, merge.other_lane) == (one.lane, other.lane) and one.other_lane == ""
    assert "K1" not in one.lane


def test_bytes_without_a_patient_have_their_feeds_lane() -> None:
    assert lanes_of(b"MSH|junk", "f") == lanes_of(b"", "f") != lanes_of(b"", "g")
