"""Asking in plainer words: some servers refuse an Accept header that they could satisfy (PS3.18 section 8.7).

Orthanc's DICOMweb 1.7 answers 400 to a list of types for a rendered image, to `type="*/*"` and to a single-part
`application/dicom`. The caller's own words go first; these are for when they were refused.
"""

from __future__ import annotations

import re

_OCTETS = 'multipart/related; type="application/octet-stream"'
_OBJECTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_TYPE = re.compile(r'type="?([a-z*]+/[a-z0-9.+*-]+)')


def plainer(path: str, accept: str) -> str | None:
    """One type that the caller accepts, in the plainest words; None when there is none to try.

    For a caller that accepts only single-part `application/dicom` it is the multipart form: `wants_single_part`.
    """
    if path.endswith("/rendered"):
        return _image(accept)
    types = set(_TYPE.findall(accept.lower()))
    anything = "*/*" in types or accept.strip() in ("", "*/*")
    if "/frames/" in path or "/bulk" in path:
        return _OCTETS if anything or "application/octet-stream" in types else None
    if "transfer-syntax=" in accept and "transfer-syntax=*" not in accept:
        return None  # no plainer words would give that very syntax
    return _OBJECTS if wants_single_part(path, accept) or anything or "application/dicom" in types else None


def wants_single_part(path: str, accept: str) -> bool:
    """Whether one object is asked for as it is, without a multipart wrapping."""
    is_instance = "/instances/" in path and path.count("/") == 5
    return is_instance and "application/dicom" in accept.lower() and "multipart/" not in accept.lower()


def _image(accept: str) -> str | None:
    for kind in ("image/jpeg", "image/png"):
        if kind in accept:
            return kind
    return "image/jpeg" if "*/*" in accept or "image/*" in accept or not accept.strip() else None
