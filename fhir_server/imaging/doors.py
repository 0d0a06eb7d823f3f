"""The doors of imaging on the web application: DICOMweb and the viewer, which share what a session has opened."""

from __future__ import annotations

from flask import Flask

from fhir_server.imaging.routes import make_blueprint
from fhir_server.imaging.services import ImagingServices
from fhir_server.imaging.study_access import StudyAccess
from fhir_server.imaging.viewer import make_viewer_blueprint


def register_imaging(app: Flask, services: ImagingServices) -> None:
    """Register both blueprints; a study opened in one is not disclosed again by the other."""
    access = StudyAccess(services)
    app.register_blueprint(make_blueprint(services, access))
    app.register_blueprint(make_viewer_blueprint(services, access))
