"""Style sheets, scripts and pictures below /assets: the design system's, and the portal's own.

An address that carries the file's hash may be kept for a year; the plain address for an hour.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Response, request, send_from_directory
from werkzeug.security import safe_join

from fhir_server.access.declare import Audience, open_to
from fhir_server.errors import NotFound
from fhir_server.portal.services import portal_services

_OWN = Path(__file__).parent / "static"
_YEAR_S, _HOUR_S = 31_536_000, 3600


def _folder(group: str) -> Path:
    if group == "portal":
        return _OWN
    if group == "nhsuk":
        return (portal_services().settings.assets_dir / "nhsuk").resolve()
    raise NotFound("There is no such file.")


def asset_url(path: str) -> str:
    """The address of an asset such as `portal/portal.css`, with its hash."""
    group, _, name = path.partition("/")
    return f"/assets/{path}{_version(_folder(group) / name)}"


@cache
def _version(file: Path) -> str:
    return f"?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}" if file.is_file() else ""


@open_to(Audience.ANYONE)
def asset(group: str, name: str) -> Response:
    """One file, packed when it is stored packed and the browser unpacks."""
    folder = _folder(group)
    joined = safe_join(str(folder), name)
    if joined is None or not Path(joined).is_file():
        raise NotFound("There is no such file.")
    packed = Path(f"{joined}.gz").is_file() and "gzip" in request.headers.get("Accept-Encoding", "")
    response = send_from_directory(folder, f"{name}.gz" if packed else name, mimetype=_media_type(name))
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    kept = f"public, max-age={_YEAR_S}, immutable" if request.args.get("v") else f"public, max-age={_HOUR_S}"
    response.headers["Cache-Control"] = kept
    return response


def _media_type(name: str) -> str:
    if name.endswith(".js"):
        return "text/javascript"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
