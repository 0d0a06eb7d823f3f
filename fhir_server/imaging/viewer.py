"""The viewer: OHIF below /viewer, and the page that opens a study in it under a banner that says whose images they are.

OHIF's own overlay does not name the patient; the banner does, with NHS number, date of birth and the trust of origin.
"""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from fhir_server.access.caller import Caller
from fhir_server.access.declare import Audience, open_to
from fhir_server.access.predicate import make_access_rule
from fhir_server.errors import NotFound
from fhir_server.imaging import qido_rows
from fhir_server.imaging.regional_identity import nhs_number
from fhir_server.imaging.services import ImagingServices
from fhir_server.imaging.study_access import OpenedStudy, StudyAccess
from fhir_server.imaging.viewer_assets import Asset, ViewerAssets, app_config

MOUNT = "/viewer"
_YEAR = "private, max-age=31536000, immutable"
# The scripts compile WebAssembly and start workers from blobs; nothing comes from, or goes to, another host.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)

_uses = open_to(Audience.USER, scope=("ImagingStudy", "r"), page="images")


def make_viewer_blueprint(services: ImagingServices, access: StudyAccess) -> Blueprint:
    """`/viewer?StudyInstanceUIDs=..`, `/viewer/launch/<ImagingStudy id>`, and the viewer's own files and pages."""
    blueprint = Blueprint("viewer", __name__, url_prefix=MOUNT, template_folder="templates")
    assets = ViewerAssets(services.assets_dir / "ohif", MOUNT)

    @blueprint.get("")
    @_uses
    def enter() -> BaseResponse:
        return redirect(f"{MOUNT}/viewer?{urlencode(list(request.args.items(multi=True)))}")

    @blueprint.get("/launch/<resource_id>")
    @_uses
    def launch(resource_id: str) -> Response:
        page = Response(_launch_page(services, access, resource_id), content_type="text/html; charset=utf-8")
        page.headers["Cache-Control"] = "no-store"  # it names the patient; the viewer's own files do not
        return page

    @blueprint.get("/app-config.js")
    @_uses
    def configuration() -> Response:
        return Response(app_config(MOUNT, services.root), content_type="text/javascript; charset=utf-8")

    @blueprint.get("/<path:name>")
    @_uses
    def file(name: str) -> Response:
        return _send(assets.find(name) or assets.index())

    blueprint.after_request(_finish)
    return blueprint


def _finish(response: BaseResponse) -> BaseResponse:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def _send(asset: Asset) -> Response:
    if request.if_none_match.contains(asset.etag.strip('"')):
        return Response(status=304, headers={"ETag": asset.etag})
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    content = asset.content if takes_gzip or not asset.is_gzipped else gzip.decompress(asset.content)
    response = Response(content, content_type=asset.content_type)
    response.headers["ETag"] = asset.etag
    if asset.is_gzipped:
        response.headers["Vary"] = "Accept-Encoding"
        if takes_gzip:
            response.headers["Content-Encoding"] = "gzip"
    if asset.lasting:
        response.headers["Cache-Control"] = _YEAR
    return response


def _launch_page(services: ImagingServices, access: StudyAccess, resource_id: str) -> str:
    caller: Caller = g.caller
    row = services.studies.get_study(resource_id, make_access_rule(caller, "r"))
    uid = qido_rows.study_uid(json.loads(row.body)) if row else ""
    if not uid:
        raise NotFound("There is no such study.")
    opened = access.open(caller, uid, request.path)
    named = qido_rows.endpoint_ids(opened.document)
    availability = services.availabilities.of_studies({uid: named})[uid]
    return render_template(
        "imaging/launch.html",
        patient=_patient(services, caller, opened),
        study=_study(opened.document, services.availabilities.trust_name(opened.row.custodian)),
        availability=availability,
        show_images=availability.opens_now is not False or "try" in request.args,
        viewer_url=f"{MOUNT}/viewer?{urlencode({'StudyInstanceUIDs': uid})}",
    )


def _patient(services: ImagingServices, caller: Caller, opened: OpenedStudy) -> dict[str, str]:
    patient_id = opened.row.patient_id or ""
    row = services.studies.get_patient(patient_id, make_access_rule(caller, "r")) if patient_id else None
    document: dict[str, Any] = json.loads(row.body) if row else {}
    number = nhs_number(document)
    return {
        "name": _display_name(document),
        "nhs_number": f"{number[:3]} {number[3:6]} {number[6:]}" if number else "",
        "born": _day(str(document.get("birthDate", ""))),
        "page": f"/patients/{patient_id}" if row else "",
    }


def _display_name(document: dict[str, Any]) -> str:
    """SURNAME, Given (Title), as the NHS displays names (ISB 1506)."""
    for name in document.get("name", ()):
        given, prefix = " ".join(name.get("given", ())), " ".join(name.get("prefix", ()))
        family = str(name.get("family", "")).upper()
        return f"{', '.join(part for part in (family, given) if part)}{f' ({prefix})' if prefix else ''}"
    return "Name not known"


def _study(document: dict[str, Any], trust: str) -> dict[str, str]:
    description = str(document.get("description", ""))
    codes = [c.get("code", "") for c in document.get("modality", ())]
    codes = [code for code in codes if not description.startswith(f"{code} ")]  # "CT Head" already says CT
    return {
        "description": description,
        "modalities": " ".join(codes),
        "day": _day(str(document.get("started", ""))[:10]),
        "trust": trust,
    }


def _day(text: str) -> str:
    """12-Mar-1961, the NHS way (ISB 1505), of an ISO date."""
    year, _, rest = text.partition("-")
    month, _, day = rest.partition("-")
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{day}-{months[int(month) - 1]}-{year}" if month.isdecimal() and day.isdecimal() else text
