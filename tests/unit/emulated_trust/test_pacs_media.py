"""Negotiation takes what the client likes best of what there is, and 406 otherwise."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import NotAcceptable

from adapters.emulated_trust.pacs_media import NATIVE, Multipart, Offer, Part, choose

_PARTS, _ALONE = Offer("application/dicom", True, NATIVE), Offer("application/dicom", False, NATIVE)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, _PARTS),
        ("*/*", _PARTS),
        ('multipart/related; type="application/dicom"', _PARTS),
        ("multipart/related; type=application/dicom; transfer-syntax=*", _PARTS),
        (f'multipart/related; type="application/dicom"; transfer-syntax={NATIVE}', _PARTS),
        (f'multipart/related; type="application/dicom; transfer-syntax={NATIVE}"', _PARTS),
        ("application/dicom", _ALONE),
        ('multipart/related; type="application/dicom"; q=0.1, application/dicom; q=0.9', _ALONE),
        ("multipart/related", _PARTS),
    ],
)
def test_accepted(accept: str | None, expected: Offer) -> None:
    assert choose(accept, [_PARTS, _ALONE]) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom+xml",
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90',
        "application/dicom; q=0",
    ],
)
def test_not_accepted(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose(accept, [_PARTS, _ALONE])


def test_multipart_body_ends_with_its_closing_boundary() -> None:
    body = Multipart(_PARTS, [Part(b"one", "/1"), Part(b"two", "/2")])
    boundary = body.content_type.split("boundary=")[1].split(";")[0]
    sent = b"".join(body)
    assert sent.count(f"--{boundary}\r\n".encode()) == 2
    assert sent.endswith(f"\r\n--{boundary}--\r\n".encode())
    assert b"\r\n\r\none\r\n" in sent
