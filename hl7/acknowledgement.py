"""Acknowledgements in original and enhanced mode (HL7 v2.5.1 chapter 2.9.2 and 2.9.3; MSA, ERR in 2.15).

What an acknowledgement says must never carry patient data: places and table 0357 codes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hl7.emit.er7 import components, make_control_id, now, segment, timestamp
from hl7.escapes import escape
from hl7.message import Header
from hl7.tables.acknowledgement import ACKNOWLEDGEMENT_CODES, ERROR_CODES, GENERAL_ERROR

_POSITIVE = frozenset({"AA", "CA"})


@dataclass(frozen=True)
class AcknowledgementError:
    """One ERR: a place such as `PID-3`, a code of table 0357, and a sentence without patient data."""

    location: str = ""
    code: str = GENERAL_ERROR
    text: str = ""


def is_enhanced(header: Header) -> bool:
    """Whether the sender wants enhanced mode: MSH-15 or MSH-16 is valued (an empty pair means original mode)."""
    return bool(header.accept_ack or header.application_ack)


def wants_accept_acknowledgement(header: Header, *, accepted: bool) -> bool:
    """Whether MSH-15 asks for a commit acknowledgement of this outcome (AL always, NE never, ER error, SU success)."""
    return is_enhanced(header) and _wanted(header.accept_ack, accepted)


def wants_application_acknowledgement(header: Header, *, accepted: bool) -> bool:
    """Whether an application acknowledgement is due: always in original mode, by MSH-16 in enhanced mode."""
    return _wanted(header.application_ack, accepted) if is_enhanced(header) else True


def _wanted(condition: str, accepted: bool) -> bool:
    return condition == "AL" or (condition == "SU" and accepted) or (condition == "ER" and not accepted)


def acknowledgement_code(header: Header, code: str) -> str:
    """AA, AE or AR as the sender's mode spells it: CA, CE or CR when it asked for a commit acknowledgement."""
    return "C" + code[1] if is_enhanced(header) else "A" + code[1]


def make_acknowledgement(
    header: Header,
    code: str,
    text: str = "",
    errors: Sequence[AcknowledgementError] = (),
    *,
    control_id: str = "",
) -> bytes:
    """The payload of an ACK that answers `header`: parties swapped, MSA-2 the control id as sent, MSH-10 its own.

    Raises ValueError for a code that is not in table 0008. The standard delimiters are used whatever the sender's are.
    """
    if code not in ACKNOWLEDGEMENT_CODES:
        raise ValueError(f"no acknowledgement code: {code}")
    version = header.version if header.version[:2] == "2." and len(header.version) <= 5 else "2.4"
    # MSA-3 was withdrawn in v2.7; before that it is the only text that many senders log.
    msa = {1: code, 2: escape(header.control_id), 3: escape(text)[:80] if version < "2.7" and text else ""}
    segments = [
        _msh(header, version, control_id or make_control_id()),
        segment("MSA", msa, version),
        *(_err(error, version) for error in (() if code in _POSITIVE else errors)),
    ]
    # A header is read as Latin-1, so the control id goes back byte for byte.
    return "".join(part + "\r" for part in segments).encode("latin-1", errors="replace")


def _msh(header: Header, version: str, control_id: str) -> str:
    sending_application, sending_facility, receiving_application, receiving_facility = (
        components(*party) for party in header.parties
    )
    message_type = f"ACK^{escape(header.trigger)}^ACK" if header.trigger else "ACK"
    fields = ["MSH", "^~\\&", receiving_application, receiving_facility, sending_application, sending_facility]
    fields += [timestamp(now()), "", message_type, control_id, escape(header.processing_id) or "P", version]
    return "|".join(fields)


def _err(error: AcknowledgementError, version: str) -> str:
    """ERR: location, code and text each in its field from v2.5 on, all in ERR-1 (ELD) before."""
    code = error.code if error.code in ERROR_CODES else GENERAL_ERROR
    segment_name, _, field = error.location.partition("-")
    if version < "2.5":
        coded = f"{code}&{escape(ERROR_CODES[code])}&HL70357"
        return segment("ERR", {1: f"{escape(segment_name)}^1^{escape(field)}^{coded}"}, version)
    fields = {
        2: components(segment_name, "1", field) if segment_name else "",
        3: components(code, ERROR_CODES[code], "HL70357"),
        4: "E",
        8: escape(error.text),
    }
    return segment("ERR", fields, version)
