"""Which representation a DICOMweb client accepts, and multipart bodies (DICOM PS3.18 8.7, RFC 2387)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from pydicom.uid import ExplicitVRLittleEndian
from werkzeug.exceptions import NotAcceptable
from werkzeug.wrappers import Request

NATIVE = str(ExplicitVRLittleEndian)
_OUTSIDE_QUOTES = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'
_COMMA_OUTSIDE_QUOTES = re.compile("," + _OUTSIDE_QUOTES)
_SEMICOLON_OUTSIDE_QUOTES = re.compile(";" + _OUTSIDE_QUOTES)


@dataclass(frozen=True)
class MediaRange:
    """One member of an Accept header: `application/dicom`, wrapped in multipart/related or alone."""

    media_type: str
    multipart: bool
    transfer_syntax: str | None
    quality: float

    def accepts(self, offer: Offer) -> bool:
        syntax = self.transfer_syntax in (None, "*", offer.transfer_syntax) or offer.transfer_syntax is None
        return syntax and self._names(offer) and (self.multipart == offer.multipart or self.media_type == "*/*")

    def _names(self, offer: Offer) -> bool:
        family = self.media_type.endswith("/*") and offer.media_type.startswith(self.media_type[:-1])
        return self.media_type in ("*/*", offer.media_type) or family


@dataclass(frozen=True)
class Offer:
    """One representation that a resource has."""

    media_type: str
    multipart: bool = False
    transfer_syntax: str | None = None

    @property
    def part_type(self) -> str:
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else self.media_type


def choose(accept: str | None, offers: Iterable[Offer]) -> Offer:
    """The offer that the client likes best, the first of ours when it does not mind; else 406."""
    offered = list(offers)
    wishes = sorted(parse_accept(accept or "*/*"), key=lambda wish: -wish.quality)
    for wish in wishes:
        for offer in offered:
            if wish.quality > 0 and wish.accepts(offer):
                return offer
    raise NotAcceptable("None of the accepted media types and transfer syntaxes is available here.")


def parse_accept(header: str) -> Iterator[MediaRange]:
    for member in _COMMA_OUTSIDE_QUOTES.split(header):
        media_type, parameters = _parse_media_type(member)
        multipart = media_type == "multipart/related"
        # Some clients put the transfer syntax inside the quotes of `type`, as some servers do in their answers.
        inner, inner_parameters = _parse_media_type(parameters.get("type", "*/*" if multipart else ""))
        yield MediaRange(
            media_type=inner if multipart else media_type,
            multipart=multipart,
            transfer_syntax=parameters.get("transfer-syntax") or inner_parameters.get("transfer-syntax"),
            quality=_quality(parameters.get("q", "1")),
        )


def _parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """The type and its parameters. Clients leave `type=application/dicom` unquoted, so a slash may stand in a value."""
    media_type, *members = _SEMICOLON_OUTSIDE_QUOTES.split(text)
    pairs = (member.partition("=") for member in members)
    return media_type.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def root_url(request: Request) -> str:
    """The address of the DICOMweb root. The Host header is not asked: some clients send it without the port."""
    environ = request.environ
    return f"http://{environ['SERVER_NAME']}:{environ['SERVER_PORT']}{environ.get('SCRIPT_NAME', '')}"


@dataclass(frozen=True)
class Part:
    """One body of a multipart answer and where it can be had alone."""

    body: bytes
    location: str


class Multipart:
    """A multipart/related body that is made part by part while it is sent."""

    def __init__(self, offer: Offer, parts: Iterable[Part]) -> None:
        self._offer, self._parts = offer, parts
        self._boundary = uuid4().hex
        self.content_type = f'multipart/related; type="{offer.media_type}"; boundary={self._boundary}'
        if offer.transfer_syntax:
            self.content_type += f"; transfer-syntax={offer.transfer_syntax}"

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield (
                f"--{self._boundary}\r\nContent-Type: {self._offer.part_type}\r\n"
                f"Content-Length: {len(part.body)}\r\nContent-Location: {part.location}\r\n\r\n"
            ).encode()
            yield part.body
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()
