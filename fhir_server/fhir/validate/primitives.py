"""The primitive types: what a JSON value must be to be a boolean, a date, a code...

FHIR R4 data types: https://hl7.org/fhir/R4/datatypes.html#primitive.

A check returns None, or what the value must be, as a sentence's end: it never repeats the value.
"""

from __future__ import annotations

import binascii
import math
import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhir.validate.narrative import check_xhtml

Check = Callable[[Any], str | None]

STRING_LENGTH_MAX = 1024 * 1024
# A number beyond a double cannot be indexed, and a huge exponent costs memory wherever it is spelled out.
DECIMAL_EXPONENT_MAX = 308
INTEGER_MAX = 2**31 - 1

# Control characters but tab, line feed and carriage return; and halves of surrogate pairs, which UTF-8 cannot carry.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BLANK = re.compile(r"[ \t\r\n]")
_YEAR = r"(?!0000)[0-9]{4}"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DATE = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
_DATE_TIME = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T{_TIME}{_ZONE})?)?)?")
_INSTANT = re.compile(rf"{_YEAR}-{_DAY}T{_TIME}{_ZONE}")
_TIME_OF_DAY = re.compile(_TIME)
_CODE = re.compile(r"[^\s]+( [^\s]+)*")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_ANY_CASE = re.compile(_UUID.pattern, re.IGNORECASE)


def check_boolean(value: Any) -> str | None:
    """`true` or `false`, never a string."""
    return None if value is True or value is False else "must be true or false, without quotes"


def _integer(low: int, name: str) -> Check:
    sentence = f"must be {name}: a whole number from {low} to {INTEGER_MAX}, without quotes, fraction or exponent"

    def check(value: Any) -> str | None:
        return None if type(value) is int and low <= value <= INTEGER_MAX else sentence

    return check


def check_decimal(value: Any) -> str | None:
    """A JSON number of a size that a double can hold."""
    if type(value) is int:
        return None if abs(value) < 10**DECIMAL_EXPONENT_MAX else "must be a decimal below 1E308"
    if isinstance(value, float):
        return None if math.isfinite(value) else "must be a finite decimal"
    if not isinstance(value, Decimal):
        return "must be a decimal number, without quotes"
    good = value.is_finite() and abs(value.adjusted()) <= DECIMAL_EXPONENT_MAX
    return None if good else "must be a finite decimal with an exponent from -308 to 308"


def check_string(value: Any) -> str | None:
    """A string that is not empty, at most 1 MB, without control characters."""
    if type(value) is not str:
        return "must be a string in quotes"
    if not value:
        return "must not be an empty string: leave the element out instead"
    if len(value) > STRING_LENGTH_MAX:
        return "must not be longer than 1 MB (1,048,576 characters)"
    if _FORBIDDEN.search(value):
        return "must not hold control characters other than tab, carriage return and line feed"
    return None


def _pattern(pattern: re.Pattern[str], sentence: str) -> Check:
    def check(value: Any) -> str | None:
        return None if type(value) is str and pattern.fullmatch(value) else check_string(value) or sentence

    return check


def check_code(value: Any) -> str | None:
    """A string without leading, trailing or double spaces."""
    if type(value) is str and _CODE.fullmatch(value):
        return check_string(value)
    return check_string(value) or "must be a code: no leading, trailing or double spaces, no tabs or line ends"


def check_uri(value: Any) -> str | None:
    """A string without spaces; an OID or UUID written as a URN must be one."""
    if problem := check_string(value):
        return problem
    if _BLANK.search(value):
        return "must be a URI: it cannot hold spaces"
    if value.startswith("urn:oid:") and not _OID.fullmatch(value):
        return "must be a valid OID after urn:oid: (digits and dots, first arc 0 to 2, no leading zeros)"
    if value.startswith("urn:uuid:") and not _UUID_ANY_CASE.fullmatch(value):
        return "must be a valid UUID after urn:uuid: (8-4-4-4-12 hexadecimal digits)"
    return None


def check_base64(value: Any) -> str | None:
    """Base64 with its padding; white space may stand between."""
    if type(value) is not str or not value:
        return check_string(value)
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return _check_spaced_base64(value)
    return None


def _check_spaced_base64(value: str) -> str | None:
    try:
        binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except ValueError:
        return "must be base64 (RFC 4648 section 4) with its padding"
    return None


def _calendar(pattern: re.Pattern[str], sentence: str) -> Check:
    """A date or time of this form whose day exists in its month."""

    def check(value: Any) -> str | None:
        if type(value) is not str or not pattern.fullmatch(value):
            return sentence
        if len(value) >= 10 and value[8:10] > "28" and not _day_exists(value):
            return "must be a day of the calendar: this month has no such day"
        return None

    return check


def _day_exists(value: str) -> bool:
    return int(value[8:10]) <= monthrange(int(value[:4]), int(value[5:7]))[1]


CHECKS: dict[str, Check] = {
    "boolean": check_boolean,
    "integer": _integer(-INTEGER_MAX - 1, "an integer"),
    "unsignedInt": _integer(0, "an unsignedInt"),
    "positiveInt": _integer(1, "a positiveInt"),
    "decimal": check_decimal,
    "string": check_string,
    "markdown": check_string,
    "code": check_code,
    "id": _pattern(_ID, "must be an id: 1 to 64 letters, digits, hyphens and dots"),
    "uri": check_uri,
    "url": check_uri,
    "canonical": check_uri,
    "oid": _pattern(_OID, "must be an OID as urn:oid:1.2.3"),
    "uuid": _pattern(_UUID, "must be a UUID as urn:uuid:... in lower case"),
    "base64Binary": check_base64,
    "date": _calendar(_DATE, "must be a date: YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": _calendar(
        _DATE_TIME, "must be a dateTime: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset"
    ),
    "instant": _calendar(_INSTANT, "must be an instant: YYYY-MM-DDThh:mm:ss with Z or an offset"),
    "time": _pattern(_TIME_OF_DAY, "must be a time: hh:mm:ss"),
    "xhtml": check_xhtml,
}
