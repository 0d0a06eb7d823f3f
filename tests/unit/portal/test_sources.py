"""Sources that are silent are named, and only those."""

from __future__ import annotations

from fhir_server.portal.moments import now_us
from fhir_server.portal.sources import quiet_feeds, silent_archives
from fhir_server.storage.archives import ArchiveRecord
from fhir_server.storage.feed_state import FeedState
from fhir_server.storage.imaging_rows import EndpointHealth

TRUSTS = {"RX1": "Nottingham", "RNQ": "Kettering", "RWE": "Leicester"}
MINUTE = 60_000_000


def archive(name: str, trust: str) -> ArchiveRecord:
    return ArchiveRecord(name, name, trust, "dicom-wado-rs", "http://pacs.example", "", "", "", 0)


def health(name: str, reachable: bool, age_s: int = 1) -> EndpointHealth:
    checked = now_us() - age_s * 1_000_000
    return EndpointHealth(name, reachable, "ok" if reachable else "no-answer", 12, checked, checked)


def test_a_feed_is_quiet_after_the_set_time_and_when_it_was_never_heard() -> None:
    now = now_us()
    feeds = [
        FeedState("a", "RX1", now - 4 * MINUTE),
        FeedState("b", "RNQ", now - 6 * MINUTE),
        FeedState("c", "RWE", None),
    ]
    found = {source.trust: source.text for source in quiet_feeds(feeds, TRUSTS, now, 300.0)}
    assert set(found) == {"RNQ", "RWE"}
    assert found["RNQ"].startswith("Kettering: no orders or reports since ")
    assert found["RWE"] == "Leicester: no orders or reports have been received yet."


def test_a_trust_with_one_feed_that_speaks_is_not_silent() -> None:
    now = now_us()
    feeds = [FeedState("a", "RX1", now), FeedState("b", "RX1", now - 60 * MINUTE)]
    assert quiet_feeds(feeds, TRUSTS, now, 300.0) == []


def test_an_archive_that_fails_or_was_not_asked_lately_is_named() -> None:
    archives = [archive("up", "RX1"), archive("down", "RNQ"), archive("stale", "RWE")]
    states = {"up": health("up", True), "down": health("down", False), "stale": health("stale", True, age_s=300)}
    found = {source.trust: source.text for source in silent_archives(archives, states, TRUSTS)}
    assert set(found) == {"RNQ", "RWE"}
    assert "Kettering: the image archive does not answer since" in found["RNQ"]
    assert found["RWE"] == "Leicester: it is not known whether the image archive answers."
