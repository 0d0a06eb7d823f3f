"""What the portal works with beside the exchange of each request; wiring fills it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from fhir_server.access.sessions import Sessions
from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.ports import HarvestStore
from fhir_server.settings import Settings
from fhir_server.storage.database import Database
from fhir_server.storage.unit_of_work import Storage

_EXTENSION = "imaging_record_portal"


@dataclass(frozen=True)
class PortalServices:
    """`locations` knows the copies of studies and how the archives answered their last probe."""

    settings: Settings
    storage: Storage
    sessions: Sessions
    availabilities: Availabilities
    locations: HarvestStore

    @property
    def database(self) -> Database:
        return self.storage.database


def keep_services(extensions: dict[str, object], services: PortalServices) -> None:
    """Keep the services with the application, for `portal_services`."""
    extensions[_EXTENSION] = services


def portal_services() -> PortalServices:
    """The services of the application that answers this request."""
    return cast(PortalServices, current_app.extensions[_EXTENSION])
