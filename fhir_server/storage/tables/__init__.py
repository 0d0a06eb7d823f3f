"""Every table of the record, by subject. SQLAlchemy Core; Alembic migrations create them."""

from fhir_server.storage.tables.account import access_token, client, portal_session, portal_user, used_assertion
from fhir_server.storage.tables.base import metadata
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
    "client",
    "portal_session",
    "portal_user",
    "used_assertion",
    "business_key",
    "index_date",
    "index_reference",
    "index_string",
    "index_token",
    "index_uri",
    "key_block",
    "metadata",
    "resource",
    "resource_patient",
    "resource_version",
    "uri",
]
