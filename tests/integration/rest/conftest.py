"""A record served as operators run it, once for each module and database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import ServedRecord


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRecord]:
    folder = tmp_path_factory.mktemp("served")
    record = ServedRecord(folder, database_url, token_lifetime_s=3600)
    record.start()
    yield record
    record.stop()


@pytest.fixture(scope="module")
def client(served: ServedRecord) -> FhirClient:
    """A client that may do everything."""
    return FhirClient.register(served)
