"""Doors of access: the token endpoint and SMART discovery (https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from fhir_server.access.declare import Audience, open_to
from fhir_server.access.oauth import AUTH_METHODS, SIGNING_ALGORITHMS, make_authorization_server
from fhir_server.errors import BadRequest
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts


def make_blueprint(settings: Settings, accounts: Accounts) -> Blueprint:
    """The blueprint `oauth`."""
    blueprint = Blueprint("oauth", __name__)

    def origin() -> str:
        return settings.base_url or request.host_url.rstrip("/")

    server = make_authorization_server(
        accounts, settings.token_lifetime_s, lambda: [f"{origin()}/auth/token", origin(), f"{origin()}/fhir"]
    )

    @blueprint.post("/auth/token")
    @open_to(Audience.ANYONE)
    def token() -> Response:
        """Exchange client credentials for an access token (RFC 6749 section 4.4)."""
        if request.query_string:
            raise BadRequest("Token parameters belong in the form, never in the address.")
        _require_readable_credentials()
        response: Response = server.create_token_response()
        return response

    @blueprint.get("/fhir/.well-known/smart-configuration")
    @open_to(Audience.ANYONE)
    def smart_configuration() -> Response:
        """What this authorization server can do, for any origin to read."""
        response = jsonify(
            {
                "token_endpoint": f"{origin()}/auth/token",
                "token_endpoint_auth_methods_supported": AUTH_METHODS,
                "token_endpoint_auth_signing_alg_values_supported": SIGNING_ALGORITHMS,
                "grant_types_supported": ["client_credentials"],
                "scopes_supported": ["system/*.cruds", "system/*.rs"],
                "capabilities": [
                    "client-confidential-symmetric",
                    "client-confidential-asymmetric",
                    "permission-v1",
                    "permission-v2",
                ],
            }
        )
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return blueprint


def _require_readable_credentials() -> None:
    """Authlib answers 500 to a Basic header or form that is not text."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise BadRequest("Send application/x-www-form-urlencoded.", "http.Content-Type")
    header = request.headers.get("Authorization", "")
    if header and request.authorization is None:
        raise BadRequest("The Authorization header is not readable.", "http.Authorization")
    if any(not value.isascii() for value in request.form.values()):
        raise BadRequest("Token parameters are ASCII.")
