"""One application over a migrated store for each module, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fhir_door import Door, Region


@pytest.fixture(scope="module")
def region(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    running = Region(store_url, tmp_path_factory.mktemp("region"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def door(region: Region) -> Door:
    """The door as a client that may do everything sees it."""
    return region.door(trust="RX1")
