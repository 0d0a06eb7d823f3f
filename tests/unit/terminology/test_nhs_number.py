"""The NHS number: checksum, fillers, presentation, and the test range."""

import pytest

from terminology import nhs_number
from terminology.nhs_number import is_test_nhs_number, is_valid_nhs_number, make_test_nhs_number, normalise_nhs_number


@pytest.mark.parametrize("text", ["9912003888", "9990000018", "9434765919"])
def test_number_with_right_check_digit_is_valid(text: str) -> None:
    assert is_valid_nhs_number(text)


@pytest.mark.parametrize(
    "text", ["", "9990000019", "999000001", "99900000180", "999 000 0018", "99900000l8", "９９９００００１８０"]
)
def test_wrong_digit_length_or_character_is_invalid(text: str) -> None:
    assert not is_valid_nhs_number(text)


def test_repeated_digit_is_invalid_although_the_check_digit_of_9999999999_is_right() -> None:
    assert nhs_number.check_digit("999999999") == 9
    assert not any(is_valid_nhs_number(str(digit) * 10) for digit in range(10))


def test_printed_number_is_valid_after_normalising() -> None:
    assert normalise_nhs_number("999 000-0018") == "9990000018"


def test_test_numbers_are_valid_different_and_in_the_test_range() -> None:
    indexes = [*range(2000), *range(nhs_number.TEST_INDEX_MAX - 2000, nhs_number.TEST_INDEX_MAX)]
    numbers = [make_test_nhs_number(index) for index in indexes]
    assert len(set(numbers)) == len(numbers)
    assert all(is_test_nhs_number(number) for number in numbers)


@pytest.mark.parametrize("index", [-1, nhs_number.TEST_INDEX_MAX])
def test_index_outside_the_test_range_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="indexed"):
        make_test_nhs_number(index)


def test_real_number_is_not_a_test_number() -> None:
    assert not is_test_nhs_number("9434765919")
