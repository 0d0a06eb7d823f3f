"""NHS numbers for invented people: the 999 range, which no person holds, with their modulus 11 check digit.

The emulated trusts work theirs out for themselves, so that the record's own check is tested by somebody else's numbers.
"""

from __future__ import annotations

_NEVER_ISSUED = 10
PEOPLE_MAX = 8990  # the last ten of the last block hold 9999999999, a filler that stands for no number


def issue_nhs_number(block: int, index: int) -> str:
    """The number of person `index` of a block (0 to 99): different people have different numbers."""
    if not (0 <= block < 100 and 0 <= index < PEOPLE_MAX):
        raise ValueError(f"there are 100 blocks of {PEOPLE_MAX} NHS numbers")
    ten, pick = divmod(index, 9)
    bodies = (f"999{block:02d}{ten:03d}{last}" for last in range(10))
    # Of ten neighbouring bodies at most one has no check digit, so nine of them can always be used.
    return [f"{body}{digit}" for body in bodies if (digit := _check_digit(body)) != _NEVER_ISSUED][pick]


def _check_digit(body: str) -> int:
    total = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), body, strict=True))
    return (11 - total % 11) % 11
