"""From bytes to text: the character set that MSH-18 declares, checked against the bytes (HL7 v2 table 0211).

Real feeds declare nothing, or declare 8859/1 and send UTF-8; a name must not be corrupted by believing them.
https://terminology.hl7.org/CodeSystem-v2-0211.html
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from hl7.fragments import Warning

UTF_8, WINDOWS_1252 = "utf-8", "cp1252"

# Table 0211 and the spellings seen in the wild, in upper case without blanks, to Python's codecs.
_CODECS = {
    "ASCII": "ascii",
    "UNICODEUTF-8": UTF_8,
    "UNICODE": UTF_8,
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
    "8859/1": "latin-1",
    "8859-1": "latin-1",
    "ISO-8859-1": "latin-1",
    "ISO8859-1": "latin-1",
    "ISOIR100": "latin-1",
    "LATIN1": "latin-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "WINDOWS-1252": WINDOWS_1252,
    "CP1252": WINDOWS_1252,
    "ANSI": WINDOWS_1252,
    "UNICODEUTF-16": "utf-16",
    "GB18030-2000": "gb18030",
    "BIG-5": "big5",
    "KSX1001": "euc_kr",
}
_BOMS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True)
class Decoded:
    """Text, the codec that made it, and what was odd about it."""

    text: str
    charset: str
    warnings: tuple[Warning, ...] = ()


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """windows-1252 leaves five bytes undefined; a byte is never dropped, so they become control characters."""
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - a decoding error handler gets no other
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("hl7-as-latin-1", _as_latin_1)


def find_codec(name: str) -> str | None:
    """Python's codec for a name of table 0211 or of IANA, None when there is none."""
    plain = name.upper().replace(" ", "")
    if plain in _CODECS:
        return _CODECS[plain]
    try:
        return codecs.lookup(name).name if plain and plain.isascii() and codecs.lookup(name)._is_text_encoding else None
    except (LookupError, ValueError):
        return None


def decode(raw: bytes, declared: str = "", *, default_charset: str = "", forced_charset: str = "") -> Decoded:
    """The message's text. Forced beats a byte order mark, that beats MSH-18; the default is for what declares none."""
    if forced_charset:
        codec = find_codec(forced_charset) or WINDOWS_1252
        return Decoded(_lossless(_without_bom(raw), codec), codec)
    for bom, codec in _BOMS:
        if raw.startswith(bom):
            return Decoded(_lossless(raw[len(bom) :], codec), codec, (_odd("byte-order-mark", "a byte order mark"),))
    if raw.isascii():
        return Decoded(raw.decode("ascii"), (find_codec(declared) if declared else None) or UTF_8)
    return _declared(raw, declared) if declared else _undeclared(raw, default_charset)


def _declared(raw: bytes, declared: str) -> Decoded:
    codec = find_codec(declared)
    if codec is None or codec == "ascii":
        found = _undeclared(raw, "")
        text = "characters outside of ASCII under a declared ASCII" if codec else "an unknown character set is declared"
        return Decoded(found.text, found.charset, (_odd("charset-mismatch" if codec else "charset-unknown", text),))
    as_utf_8 = _strict(raw, UTF_8)
    if codec in ("latin-1", WINDOWS_1252) and as_utf_8 is not None:
        # Multi-byte UTF-8 that is also sensible Latin-1 text does not occur in practice.
        text = "declared 8859/1, but the bytes are UTF-8"
        return Decoded(as_utf_8, UTF_8, (_odd("charset-mismatch", text),))
    if codec == "latin-1":
        # 0x80 to 0x9F are control characters there, and quotation marks in the windows-1252 that was meant.
        return Decoded(_lossless(raw, WINDOWS_1252), WINDOWS_1252)
    text_or_none = _strict(raw, codec)
    if text_or_none is None:
        warning = _odd("charset-mismatch", "the bytes are not in the declared character set; read as windows-1252")
        return Decoded(_lossless(raw, WINDOWS_1252), WINDOWS_1252, (warning,))
    return Decoded(text_or_none, codec)


def _undeclared(raw: bytes, default_charset: str) -> Decoded:
    """UTF-8 if it fits (other text hardly ever does), else the feed's default, else windows-1252, which always fits."""
    for codec in (UTF_8, find_codec(default_charset) if default_charset else None):
        text = _strict(raw, codec) if codec else None
        if codec and text is not None:
            return Decoded(text, codec)
    return Decoded(_lossless(raw, WINDOWS_1252), WINDOWS_1252)


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, UnicodeError):
        return None


def _lossless(raw: bytes, codec: str) -> str:
    single_byte = codec == WINDOWS_1252
    return raw.decode(codec, errors="hl7-as-latin-1" if single_byte else "replace")


def _without_bom(raw: bytes) -> bytes:
    return next((raw[len(bom) :] for bom, _ in _BOMS if raw.startswith(bom)), raw)


def _odd(code: str, text: str) -> Warning:
    return Warning("MSH-18", code, text)
