"""The NHS number: ten digits, the last of which is a modulus 11 check; 999 begins the range kept for tests.

NHS Data Model and Dictionary, attribute NHS NUMBER
(https://www.datadictionary.nhs.uk/attributes/nhs_number.html).
"""

from __future__ import annotations

LENGTH = 10
TEST_PREFIX = "999"

_NEVER_ISSUED = 10
# Of ten neighbouring nine-digit bodies at most one has no check digit, so nine can always be used.
_USABLE_OF_TEN = 9
# 999 and the check digit leave six free digits: a hundred thousand tens. The last one, 999999999, is left out
# because its number is the repeated digit that is_valid_nhs_number refuses.
TEST_INDEX_MAX = 100_000 * _USABLE_OF_TEN - 1


def is_valid_nhs_number(text: str) -> bool:
    """Say whether `text` is ten plain digits with a right check digit and not a filler of one repeated digit.

    Spaces and hyphens are presentation: take them off first with `normalise_nhs_number`.
    """
    if len(text) != LENGTH or not (text.isascii() and text.isdigit()) or text == text[0] * LENGTH:
        return False
    return check_digit(text[:9]) == int(text[9])


def is_test_nhs_number(text: str) -> bool:
    """Say whether `text` is a valid number of the test range, which no person holds."""
    return text.startswith(TEST_PREFIX) and is_valid_nhs_number(text)


def normalise_nhs_number(text: str) -> str:
    """Return `text` without the spaces and hyphens that people and older systems print."""
    return text.translate({ord(" "): None, ord("-"): None, 0xA0: None})


def check_digit(first_nine: str) -> int:
    """Return the modulus 11 check digit of nine digits; 10 means that the nine digits are never issued."""
    total = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), first_nine, strict=True))
    return (11 - total % 11) % 11


def make_test_nhs_number(index: int) -> str:
    """Return the valid number of the 999 range with this index (from 0): different indexes give different numbers."""
    if not 0 <= index < TEST_INDEX_MAX:
        raise ValueError(f"test NHS numbers are indexed from 0 to {TEST_INDEX_MAX - 1}")
    ten, pick = divmod(index, _USABLE_OF_TEN)
    bodies = (f"{TEST_PREFIX}{ten:05d}{last}" for last in range(10))
    return [f"{body}{check}" for body in bodies if (check := check_digit(body)) != _NEVER_ISSUED][pick]
