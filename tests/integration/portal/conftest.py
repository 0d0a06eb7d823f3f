"""One record for each module of tests, on each database, with the emulated region's history in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.portal_record import PortalRecord


@pytest.fixture(scope="module")
def record(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalRecord]:
    settings = {"password_failures_max": 3, "feed_quiet_s": 3600.0}
    made = PortalRecord(tmp_path_factory.mktemp("portal"), store_url, settings).tell_history()
    made.add_archive("RX1")
    made.add_archive("RNQ", down=True)
    yield made
    made.close()
