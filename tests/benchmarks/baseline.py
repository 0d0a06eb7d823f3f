"""The bare baseline: Flask on Granian, the driver directly in autocommit, one primary-key SELECT, no sign-in.

It answers the same bytes as the record does; whatever the record costs more is sign-in, the access rule, the
disclosure, validation of the request and the FHIR headers.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any

import psycopg
from flask import Flask, Response

DATABASE_VARIABLE = "BASELINE_DATABASE"
TABLE = "baseline_document"


def create_app() -> Flask:
    """The application, over the database named in the environment."""
    url = os.environ[DATABASE_VARIABLE]
    fetch = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    app = Flask(__name__)

    @app.get("/fhir/Patient/<resource_id>")
    def read(resource_id: str) -> Response:
        return Response(fetch(resource_id), content_type="application/fhir+json;charset=utf-8")

    return app


def _sqlite(url: str) -> Any:
    local = threading.local()

    def fetch(resource_id: str) -> bytes:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        row = local.connection.execute(f"SELECT body FROM {TABLE} WHERE id = ?", (resource_id,)).fetchone()
        return bytes(row[0])

    return fetch


def _postgresql(url: str) -> Any:
    local = threading.local()

    def fetch(resource_id: str) -> bytes:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True, prepare_threshold=0)
        cursor = local.connection.cursor(binary=True)
        row = cursor.execute(f"SELECT body FROM {TABLE} WHERE id = %s", (resource_id,)).fetchone()
        return bytes(row[0])

    return fetch
