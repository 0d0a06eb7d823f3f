"""The real application over a migrated store, spoken to by Flask's test client with real tokens."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from fhir_server.access.secrets import client_secret_digest, new_secret
from fhir_server.access.tokens import issue_token
from fhir_server.app import create_app
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts, ClientRecord, now_us
from fhir_server.wiring import Services, make_services

FHIR_JSON = "application/fhir+json"
BASE = "http://localhost/fhir"
_numbers = itertools.count(1)


def unique(prefix: str = "x") -> str:
    """A value that no other test of this process uses."""
    return f"{prefix}{next(_numbers)}"


class Door:
    """The application's FHIR door as one caller sees it; `door.get("/Patient/1")`."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self.app = app
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **given: Any) -> TestResponse:
        """`path` is below /fhir; `json` (any value) or `data` (bytes) is the body."""
        headers = {**self.headers, **given.pop("headers", {})}
        if "json" in given:
            given["data"] = json.dumps(given.pop("json"))
        if "data" in given:
            given.setdefault("content_type", FHIR_JSON)
        return self.app.test_client().open(f"/fhir{path}", method=method, headers=headers, **given)

    def get(self, path: str, **given: Any) -> TestResponse:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> TestResponse:
        return self.request("POST", path, **given)

    def put(self, path: str, **given: Any) -> TestResponse:
        return self.request("PUT", path, **given)

    def delete(self, path: str, **given: Any) -> TestResponse:
        return self.request("DELETE", path, **given)

    def create(self, content: dict[str, Any], **given: Any) -> dict[str, Any]:
        """The stored resource."""
        answer = self.post(f"/{content['resourceType']}", json=content, **given)
        assert answer.status_code == 201, answer.text
        return answer.get_json(force=True)

    def search(self, path: str) -> list[dict[str, Any]]:
        """The matches and includes of a search's first page."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return [e["resource"] for e in answer.get_json(force=True).get("entry", [])]


class Region:
    """The application and its services over one store."""

    def __init__(self, store_url: str, folder: Path, **settings: Any) -> None:
        self.settings = Settings.from_environment({}, database=store_url, data_dir=folder, **settings)
        self.services: Services = make_services(self.settings, "web")
        self.app = create_app(self.settings, self.services)

    @property
    def accounts(self) -> Accounts:
        return self.services.accounts

    def add_client(
        self, scope: str = "system/*.cruds", trust: str | None = None, *, jwks: str | None = None
    ) -> tuple[str, str]:
        """The id and secret of a new client (with `jwks`, of one that has keys instead of a secret)."""
        client_id, secret = unique("client-"), new_secret()
        digest = None if jwks else client_secret_digest(secret)
        self.accounts.add_client(ClientRecord(client_id, client_id, digest, jwks, scope, trust, now_us()))
        return client_id, secret

    def door(self, scope: str = "system/*.cruds", trust: str | None = None, patient_id: str | None = None) -> Door:
        """The door as a new client with these rights sees it."""
        client_id, _ = self.add_client(scope, trust)
        return Door(self.app, issue_token(self.accounts, client_id, scope, 3600, patient_id).access_token)

    def anonymous(self) -> Door:
        return Door(self.app, None)

    def close(self) -> None:
        self.services.record.spool.close()
        self.services.database.close()


def outcome(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The first issue of an error: it has the status, is an OperationOutcome, and says a code and a text."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["Content-Type"].startswith(FHIR_JSON)
    content = answer.get_json(force=True)
    assert content["resourceType"] == "OperationOutcome"
    for issue in content["issue"]:
        assert issue["severity"] in ("error", "fatal")
        assert issue["code"]
        assert issue["details"]["text"]
    issue = content["issue"][0]
    if code is not None:
        assert issue["code"] == code
    return dict(issue)


def entries(answer: TestResponse) -> list[dict[str, Any]]:
    """The entries of a Bundle that was answered with 200."""
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json(force=True).get("entry", [])
    return found
