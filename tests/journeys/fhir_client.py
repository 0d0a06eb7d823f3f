"""An API client of a served record, as an EPR would be one: client credentials, a fresh token when the old one ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import requests

from tests.journeys.served import ServedRecord

Resource = dict[str, Any]


class FhirClient:
    """Requests with a token. Each thread wants a client of its own: `twin` makes one."""

    def __init__(self, record: ServedRecord, credentials: dict[str, str]) -> None:
        self._record, self._credentials = record, credentials
        self._session = requests.Session()
        self._turn = threading.Lock()

    @classmethod
    def register(cls, record: ServedRecord, name: str = "journey", scope: str = "system/*.cruds") -> FhirClient:
        return cls(record, record.command("client", "add", name, "--scope", scope))

    @property
    def client_id(self) -> str:
        return self._credentials["client_id"]

    def twin(self) -> FhirClient:
        return FhirClient(self._record, self._credentials)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request; raises requests.RequestException when there is no answer."""
        response = self._send(method, path, **more)
        if response.status_code == 401:
            self._session.headers.pop("Authorization", None)
            response = self._send(method, path, **more)
        return response

    def _send(self, method: str, path: str, **more: Any) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self._session.headers["Authorization"] = f"Bearer {self._token()}"
        url = path if path.startswith("http") else f"{self._record.url}{path}"
        return self._session.request(method, url, timeout=30, **more)

    def _token(self) -> str:
        form = {"grant_type": "client_credentials", "scope": "system/*.cruds"}
        secret = (self._credentials["client_id"], self._credentials["client_secret"])
        answer = requests.post(f"{self._record.url}/auth/token", data=form, auth=secret, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of an answer that must be good."""
        response = self.request("GET", path, **more)
        assert response.status_code == 200, f"{response.status_code}: {response.text[:500]}"
        return response.json()

    def search(self, query: str) -> Iterator[Resource]:
        """Every match of a search such as `Patient?identifier=x`, page by page."""
        address: str | None = f"/fhir/{query}"
        while address:
            bundle = self.get(address)
            yield from (e["resource"] for e in bundle.get("entry", ()) if e["search"]["mode"] == "match")
            address = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
