"""Doors of access: the token endpoint and SMART discovery (https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from fhir_server.access.declare import Audience, open_to
from fhir_server.access.oauth import AUTH_METHODS, SIGNING_ALGORITHMS, make_authorization_server
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts

_FORM_BYTES_MAX = 64 * 1024


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
        problem = _problem_of_request()
        if problem is not None:
            response = jsonify({"error": "invalid_request", "error_description": problem})
            response.status_code = 400
        else:
            response = server.create_token_response()
        response.headers["Cache-Control"] = "no-store"
        response.headers["Pragma"] = "no-cache"
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


def _is_readable(header: str | None) -> bool:
    if header is None:
        return True
    sent = request.authorization if header.isascii() else None
    return sent is not None and (sent.username or "").isprintable() and (sent.username or "").isascii()


def _problem_of_request() -> str | None:
    """What is wrong with a token request before any credential is looked at; Authlib answers some of it with 500."""
    if request.query_string:
        return "Token parameters belong in the form, never in the address."
    if request.mimetype != "application/x-www-form-urlencoded":
        return "Send application/x-www-form-urlencoded."
    if (request.content_length or 0) > _FORM_BYTES_MAX:
        return "The form is too large."
    if not _is_readable(request.headers.get("Authorization")):
        return "The Authorization header is not readable."
    for name, values in request.form.lists():
        if len(values) > 1:
            return "A parameter is given twice."
        if not (name.isascii() and name.isprintable() and values[0].isascii() and values[0].isprintable()):
            return "Token parameters are printable ASCII."
    return None
