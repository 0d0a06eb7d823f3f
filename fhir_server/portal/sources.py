"""Sources that are silent: feeds and archives a reader must know of, so that no list is silently incomplete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fhir_server.imaging.locate import is_answering
from fhir_server.imaging.ports import EndpointHealth
from fhir_server.portal.moments import instant_words, now_us
from fhir_server.portal.services import portal_services
from fhir_server.storage.archives import ArchiveRecord, list_archives
from fhir_server.storage.feed_state import FeedState, last_heard

PHASES = {
    "not-connected": "cannot be reached",
    "no-answer": "does not answer",
    "cut": "breaks off its answers",
    "wrong-answer": "answers with errors",
}


@dataclass(frozen=True)
class SilentSource:
    """One source that says nothing now; `text` is a sentence for a reader."""

    trust: str
    text: str


def silent_sources(trusts: Mapping[str, str]) -> list[SilentSource]:
    """Feeds that are quiet and archives that do not answer, by trust; three statements."""
    services = portal_services()
    with services.database.read() as connection:
        feeds = last_heard(connection)
    archives, health = list_archives(services.database), services.locations.health()
    found = [
        *quiet_feeds(feeds, trusts, now_us(), services.settings.feed_quiet_s),
        *silent_archives(archives, health, trusts),
    ]
    return sorted(found, key=lambda source: (source.trust, source.text))


def is_quiet(feed: FeedState, now: int, quiet_s: float) -> bool:
    """Whether nothing has come for so long that something may be missing."""
    return feed.last_received is None or now - feed.last_received > quiet_s * 1_000_000


def quiet_feeds(feeds: Iterable[FeedState], trusts: Mapping[str, str], now: int, quiet_s: float) -> list[SilentSource]:
    """A sentence for every trust of which no feed has been heard lately."""
    heard: dict[str, list[FeedState]] = {}
    for feed in feeds:
        heard.setdefault(feed.trust, []).append(feed)
    found = []
    for trust, own in heard.items():
        quiet = [feed for feed in own if is_quiet(feed, now, quiet_s)]
        if len(quiet) == len(own):
            latest = max((feed.last_received for feed in quiet if feed.last_received), default=None)
            found.append(SilentSource(trust, _quiet_words(trusts.get(trust, trust), latest)))
    return found


def _quiet_words(name: str, latest: int | None) -> str:
    if latest is None:
        return f"{name}: no orders or reports have been received yet."
    return f"{name}: no orders or reports since {instant_words(latest)}."


def silent_archives(
    archives: Iterable[ArchiveRecord], health: Mapping[str, EndpointHealth], trusts: Mapping[str, str]
) -> list[SilentSource]:
    """A sentence for every archive that did not answer its last probe, or was not asked lately."""
    found = []
    for archive in archives:
        state = health.get(archive.endpoint_id)
        answering = is_answering(state)
        if answering:
            continue
        text = "it is not known whether the image archive answers."
        if answering is False and state is not None:
            words = PHASES.get(state.phase, "does not answer")
            text = f"the image archive {words} since {instant_words(state.since)}."
        found.append(SilentSource(archive.trust, f"{trusts.get(archive.trust, archive.name)}: {text}"))
    return found
