"""Every blueprint of the application, registered."""

from __future__ import annotations

from typing import Any

from fhir_server.access.routes import make_blueprint as make_oauth_blueprint
from fhir_server.api.routes import fhir
from fhir_server.imaging.doors import register_imaging
from fhir_server.portal.routes import error_page
from fhir_server.portal.routes import make_blueprint as make_portal_blueprint
from fhir_server.portal.services import PortalServices
from fhir_server.wiring.services import Services


def register_doors(app: Any, services: Services) -> None:
    """Register every blueprint on the Flask application."""
    app.register_blueprint(fhir)
    app.register_blueprint(make_oauth_blueprint(services.settings, services.accounts))
    register_imaging(app, services.imaging.doors())
    imaging = services.imaging
    app.register_blueprint(
        make_portal_blueprint(
            PortalServices(
                services.settings, services.record.storage, services.sessions, imaging.availabilities, imaging.locations
            )
        )
    )
    services.error_page = error_page
