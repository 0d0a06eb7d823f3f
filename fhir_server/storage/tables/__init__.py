"""Every table of the record, by subject. SQLAlchemy Core; Alembic migrations create them."""

from fhir_server.storage.tables.account import access_token, client, portal_session, portal_user, used_assertion
from fhir_server.storage.tables.base import metadata
from fhir_server.storage.tables.imaging import (
    endpoint_health,
    harvest_cursor,
    received_study,
    stored_instance,
    study_location,
)
from fhir_server.storage.tables.resource import (
    business_key,
    index_date,
    index_reference,
    index_string,
    index_token,
    index_uri,
    key_block,
    resource,
    resource_patient,
    resource_version,
    uri,
)

__all__ = [
    "access_token",
    "business_key",
    "client",
    "endpoint_health",
    "harvest_cursor",
    "index_date",
    "index_reference",
    "index_string",
    "index_token",
    "index_uri",
    "key_block",
    "metadata",
    "portal_session",
    "portal_user",
    "received_study",
    "resource",
    "resource_patient",
    "resource_version",
    "stored_instance",
    "study_location",
    "uri",
    "used_assertion",
]
