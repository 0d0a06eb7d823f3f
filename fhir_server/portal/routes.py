"""The portal's route table: server-rendered pages for signed-in people."""

from __future__ import annotations

from flask import Blueprint

from fhir_server.portal import feeds, finding, reports, signing_in, static_files, timeline
from fhir_server.portal.error_pages import error_page
from fhir_server.portal.services import PortalServices, keep_services

__all__ = ["error_page", "make_blueprint"]

_ROUTES = (
    ("GET", "/sign-in", signing_in.sign_in_page),
    ("POST", "/sign-in", signing_in.sign_in),
    ("POST", "/sign-out", signing_in.sign_out),
    ("GET", "/", finding.home),
    ("POST", "/patients", finding.find_patients),
    ("GET", "/patients/<patient_id>", timeline.patient_page),
    ("GET", "/reports/<report_id>", reports.report_page),
    ("GET", "/reports/<report_id>/attachments/<int:number>", reports.report_document),
    ("GET", "/feeds", feeds.feeds_page),
    ("GET", "/feeds/quarantine", feeds.quarantine_page),
    ("POST", "/feeds/quarantine/replay", feeds.replay_messages),
    ("GET", "/assets/<group>/<path:name>", static_files.asset),
)


def make_blueprint(services: PortalServices) -> Blueprint:
    """The blueprint, to be registered without a prefix."""
    blueprint = Blueprint("portal", __name__)
    blueprint.record(lambda state: keep_services(state.app.extensions, services))
    for method, rule, view in _ROUTES:
        blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
    return blueprint
