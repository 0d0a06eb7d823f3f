"""The region's story is the same for the same seed, holds its special cases, and says nothing about the future."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adapters.emulated_trust.exam import LONDON
from adapters.emulated_trust.nhs_numbers import PEOPLE_MAX, issue_nhs_number
from adapters.emulated_trust.region import PATIENTS_MIN, Region
from adapters.emulated_trust.special_cases import OLD_MRN
from adapters.emulated_trust.trusts import BY_ODS, TRUSTS
from terminology.nhs_number import is_test_nhs_number

NOW = datetime(2026, 7, 1, 12, 30, tzinfo=LONDON)


@pytest.fixture(scope="module")
def region() -> Region:
    return Region(seed=7, patients=32, now=NOW)


def _everything_said(region: Region) -> list[bytes]:
    return [message.payload for trust in region.trusts for message in region.messages(trust)]


def test_same_seed_tells_the_same_story(region: Region) -> None:
    again = Region(seed=7, patients=32, now=NOW)
    assert _everything_said(again) == _everything_said(region)
    assert [again.studies(trust) for trust in TRUSTS] == [region.studies(trust) for trust in TRUSTS]


def test_history_sent_later_on_the_same_day_repeats_the_same_messages(region: Region) -> None:
    later = Region(seed=7, patients=32, now=NOW + timedelta(hours=5))
    assert set(_everything_said(region)) <= set(_everything_said(later))


def test_other_seed_tells_another_story(region: Region) -> None:
    assert _everything_said(Region(seed=8, patients=32, now=NOW)) != _everything_said(region)


def test_nothing_is_said_before_it_happens_and_all_in_order(region: Region) -> None:
    for trust in region.trusts:
        times = [message.when for message in region.messages(trust)]
        assert times == sorted(times) and times[-1] <= NOW
        assert all(plan.started <= NOW for plan in region.studies(trust))


def test_numbers_of_a_block_are_valid_and_all_different() -> None:
    numbers = [issue_nhs_number(99, index) for index in range(PEOPLE_MAX)]
    assert len(set(numbers)) == PEOPLE_MAX
    assert all(map(is_test_nhs_number, numbers))


def test_everybody_is_invented_and_told_apart(region: Region) -> None:
    numbers = [person.nhs_number for person in region.people]
    assert len(set(numbers)) == len(numbers) and all(map(is_test_nhs_number, numbers))
    for trust in TRUSTS:
        assert len({person.mrn(trust) for person in region.people}) == len(region.people)


def test_two_trusts_give_one_number_to_different_people(region: Region) -> None:
    theirs, ours = ({person.mrn(BY_ODS[ods]): person for person in region.people} for ods in ("RFS", "RNS"))
    assert any(theirs[mrn] != ours[mrn] for mrn in theirs.keys() & ours.keys())


def test_every_trust_has_patients_and_images(region: Region) -> None:
    assert all(region.messages(trust) and region.studies(trust) for trust in TRUSTS)


@pytest.mark.parametrize("seed", range(5))
def test_special_cases_are_in_every_region(seed: int) -> None:
    region = Region(seed, patients=0, now=NOW)
    shown = {name: case.shown for name, case in region.cases.items()}
    assert len(region.people) == PATIENTS_MIN == len(region.manifest())
    assert {exam.trust.ods for exam in region.cases["three-trusts"].exams} == {"RX1", "RTG", "RK5"}
    assert shown["pacs-down"].trust.archive == "down" and shown["pacs-down"].study()
    assert shown["addendum"].course.addendum and shown["corrected"].course.correction
    assert shown["unreported"].study() and shown["unreported"].course.final is None
    assert shown["order-only"].study() is None
    assert shown["sent-by-store"].trust.archive == "dimse" and shown["sent-by-store"].study()
    assert shown["pdf-report"].as_pdf
    assert {exam.trust.ods for exam in region.cases["untraced-number"].exams} == {"RNS", "RNQ"}
    assert {exam.mrn == OLD_MRN for exam in region.cases["merge"].exams} == {True, False}


def test_manifest_says_where_to_look(region: Region) -> None:
    case = region.manifest()[0]
    assert case["case"] == "three-trusts" and case["trust"] == "RX1"
    assert region.cases["three-trusts"].shown.study_instance_uid == case["study_instance_uid"]
