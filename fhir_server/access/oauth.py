"""The token endpoint's authorization server: client_credentials by secret or by signed assertion.

RFC 6749 sections 2.3 and 4.4; RFC 7523 and SMART Backend Services for `private_key_jwt` (RS384, ES384); Authlib does
the protocol, this module what SMART adds: algorithms, assertion lifetime, replay, and scopes by meaning.
https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant as _ClientCredentialsGrant
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from fhir_server.access.scopes import parse_scopes
from fhir_server.access.secrets import secret_matches
from fhir_server.access.tokens import issue_token
from fhir_server.storage.accounts import Accounts, ClientRecord, now_us

SIGNING_ALGORITHMS = ["RS384", "ES384"]
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
_ASSERTION_LIFETIME_MAX_S = 300
_LEEWAY_S = 60
_JTI = re.compile(r"[ -~]{1,255}")


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """A registered client as Authlib sees one."""

    def __init__(self, record: ClientRecord) -> None:
        self.record = record

    def get_client_id(self) -> str:
        return self.record.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        return secret_matches(self.record.secret_digest, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if method == "private_key_jwt":
            return self.record.jwks is not None
        return self.record.secret_digest is not None

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class _Grant(_ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        """Grant what is asked when the registration covers it, everything registered when nothing is asked."""
        registered = self.request.client.record.scope
        asked = self.request.payload.scope or registered
        try:
            scopes = parse_scopes(asked)
        except ValueError as error:
            raise InvalidScopeError("A requested scope is not a SMART scope.") from error
        if scopes != scopes.at("system"):
            raise InvalidScopeError("A client by itself can have `system/` scopes only.")
        if not scopes.scopes or not scopes.within(parse_scopes(registered)):
            raise InvalidScopeError("The client is not registered for a requested scope.")
        self.granted_scope = " ".join(dict.fromkeys(asked.split()))

    def create_token_response(self) -> tuple[int, dict[str, Any], Sequence[tuple[str, str]]]:
        token = self.server.generate_token(
            self.GRANT_TYPE, self.request.client, scope=self.granted_scope, include_refresh_token=False
        )
        return 200, token, self.TOKEN_RESPONSE_HEADER


class _SignedAssertion(JWTBearerClientAssertion):  # type: ignore[misc]
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, accounts: Accounts, audiences: Callable[[], list[str]]) -> None:
        super().__init__(validate_jti=True, leeway=_LEEWAY_S)
        self._accounts = accounts
        self._audiences = audiences

    def get_audiences(self) -> list[str]:
        return self._audiences()

    def resolve_client_public_key(self, client: OAuthClient) -> jwk.KeySet:
        if client.record.jwks is None:
            raise InvalidClientError(description="The client has no registered key.")
        return jwk.KeySet.import_key_set(json.loads(client.record.jwks))

    def process_assertion_claims(self, assertion: str, resolve_key: jwk.KeySet) -> Any:
        """Authlib's own check refuses RS384 and ES384, the two that SMART names."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=SIGNING_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The assertion's signature is not good.") from error
        if not token.header.get("kid") or "jku" in token.header:
            raise InvalidClientError(description="The assertion's header needs a kid and no jku.")
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: Any) -> None:
        texts = all(isinstance(claims.get(name), str) for name in ("iss", "sub", "jti"))
        if not texts or type(claims.get("exp")) not in (int, float) or not _JTI.fullmatch(claims["jti"]):
            raise InvalidClientError(description="The assertion needs iss, sub, aud, exp and a short jti.")
        super().verify_claims(claims)
        if claims["exp"] > time.time() + _ASSERTION_LIFETIME_MAX_S + _LEEWAY_S:
            raise InvalidClientError(description="The assertion lives longer than five minutes.")

    def validate_jti(self, claims: Any, jti: str) -> bool:
        expires = now_us() + (_ASSERTION_LIFETIME_MAX_S + 2 * _LEEWAY_S) * 1_000_000
        return self._accounts.use_assertion(claims["sub"], jti, expires)


def make_authorization_server(
    accounts: Accounts, token_lifetime_s: int, audiences: Callable[[], list[str]]
) -> AuthorizationServer:
    """The server behind `POST /auth/token`; `audiences` are the URLs that an assertion may name."""

    def query_client(client_id: str) -> OAuthClient:
        """The client; for one that is unknown or disabled, one that no secret and no key opens, so that the answer
        takes as long and says the same."""
        record = accounts.find_client(client_id)
        nobody = ClientRecord(client_id, "", None, None, "", None, 0, disabled=True)
        return OAuthClient(nobody if record is None or record.disabled else record)

    def generate(*, client: OAuthClient, scope: str, **_: Any) -> dict[str, Any]:
        issued = issue_token(accounts, client.record.client_id, scope, token_lifetime_s)
        return {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": issued.scope,
        }

    server = AuthorizationServer()
    server._query_client = query_client
    server.register_token_generator("default", generate)
    server.register_client_auth_method("private_key_jwt", _SignedAssertion(accounts, audiences))
    server.register_grant(_Grant)
    return server
