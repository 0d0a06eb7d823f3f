"""The feeds page: how each trust's feed and archive are doing, and what to do when one is quiet. No patient data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.access.declare import Audience, open_to
from fhir_server.api.responses import current_exchange
from fhir_server.errors import BadRequest, Forbidden
from fhir_server.imaging.locate import is_answering
from fhir_server.imaging.ports import EndpointHealth
from fhir_server.ingest.replay import ReplayFilter, replay
from fhir_server.portal.moments import duration_words, instant_words, now_us, start_of_today_us
from fhir_server.portal.pages import csrf_token, render
from fhir_server.portal.records import trust_names
from fhir_server.portal.services import portal_services
from fhir_server.portal.sources import PHASES, is_quiet
from fhir_server.portal.words import State
from fhir_server.storage.archives import ArchiveRecord, list_archives
from fhir_server.storage.feed_state import (
    FeedState,
    count_copies,
    feed_states,
    last_harvests,
    quarantined_messages,
)
from fhir_server.storage.inbox import QUARANTINED

_REFRESH_S = 15
_LISTED = 100
_STUCK_AFTER_S = 300
_MICROSECONDS = 1_000_000
#: Who may send messages back into filing.
_REPLAYING_ROLE = "ris-manager"


@dataclass(frozen=True)
class FeedLine:
    """A feed as the page shows it; `advice` is what to do, "" when nothing is. `key` is "" for unregistered senders."""

    key: str
    name: str
    trust: str
    state: State
    last: str
    ago: str
    today: int
    waiting: int
    lag: str
    quarantined: int
    advice: str
    bar: int  # messages today as a share of the busiest feed, in percent


@dataclass(frozen=True)
class ArchiveLine:
    """An archive as the page shows it."""

    name: str
    trust: str
    kind: str
    state: State
    since: str
    latency: str
    harvested: str
    copies: int
    missing: int
    advice: str


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble, what has it, and what to do."""

    words: str
    names: tuple[str, ...]
    advice: str


@open_to(Audience.USER, page="feeds")
def feeds_page() -> Response:
    """GET /feeds, with `refresh` to load itself again and again."""
    services, trusts, now = portal_services(), trust_names(), now_us()
    with services.database.read() as connection:
        states = feed_states(connection, start_of_today_us())
        copies, harvests = count_copies(connection), last_harvests(connection)
    health = services.locations.health()
    busiest = max((state.today for state in states), default=0)
    archives = [
        _archive_line(
            a, health.get(a.endpoint_id), copies.get(a.endpoint_id, (0, 0)), harvests.get(a.endpoint_id), trusts
        )
        for a in list_archives(services.database)
    ]
    lines = [_feed_line(state, trusts, now, busiest) for state in states]
    everything: list[FeedLine | ArchiveLine] = [*lines, *archives]
    refresh = _REFRESH_S if "refresh" in request.args else 0
    response = render(
        "feeds.jinja",
        feeds=sorted(lines, key=lambda line: line.trust),
        archives=sorted(archives, key=lambda line: (line.trust, line.name)),
        troubles=_troubles(everything),
        refresh=refresh,
        now=instant_words(now),
    )
    if refresh:
        response.headers["Refresh"] = str(refresh)
    return response


def _troubles(lines: list[FeedLine | ArchiveLine]) -> list[Trouble]:
    """What needs attention, one entry for all feeds and archives that need the same."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if line.advice:
            found.setdefault((line.state.words, line.advice), []).append(f"{line.trust}, {line.name}")
    return [Trouble(words, tuple(sorted(names)), advice) for (words, advice), names in found.items()]


def _feed_line(state: FeedState, trusts: Mapping[str, str], now: int, busiest: int) -> FeedLine:
    lag_s = (now - state.waiting_since) / _MICROSECONDS if state.waiting_since else 0.0
    tag, advice = _feed_judgement(state, now, lag_s)
    last = state.last_received
    return FeedLine(
        key=state.name,
        name=state.name or "Senders that are not registered",
        trust=trusts.get(state.trust, state.trust) or "No trust",
        state=tag,
        last=instant_words(last) if last else "never",
        ago=f"{duration_words((now - last) / _MICROSECONDS)} ago" if last else "",
        today=state.today,
        waiting=state.waiting,
        lag=duration_words(lag_s) if state.waiting else "none",
        quarantined=state.quarantined,
        advice=advice,
        bar=round(100 * state.today / busiest) if busiest else 0,
    )


def _feed_judgement(state: FeedState, now: int, lag_s: float) -> tuple[State, str]:
    if state.name == "":
        advice = "Register the feed with `imaging-record feed add`, then replay its messages from the quarantine."
        return State("Not registered", "orange"), advice
    if state.last_received is None:
        return State("Never heard", "grey"), (
            "Ask the trust's RIS team whether its sender is switched on, and for the address and port it sends to."
        )
    if is_quiet(state, now, portal_services().settings.feed_quiet_s):
        return State("Quiet", "orange"), (
            "Ask the trust's RIS team whether messages wait in its interface engine; check the network link to it. "
            "Nothing is lost: its queue is sent when the link is back."
        )
    if lag_s > _STUCK_AFTER_S:
        return State("Filing is behind", "orange"), (
            "Messages are received but not filed yet. If the number waiting grows, tell the operators of the record."
        )
    return State("Receiving", "green"), ""


def _archive_line(
    archive: ArchiveRecord,
    health: EndpointHealth | None,
    copies: tuple[int, int],
    harvest: tuple[int, str] | None,
    trusts: Mapping[str, str],
) -> ArchiveLine:
    state, advice = _archive_judgement(archive, health)
    return ArchiveLine(
        name=archive.name,
        trust=trusts.get(archive.trust, portal_services().settings.region_name),
        kind={"dicom-wado-rs": "DICOMweb", "dimse": "DICOM (DIMSE)", "image-store": "Regional image store"}.get(
            archive.kind, archive.kind
        ),
        state=state,
        since=instant_words(health.since) if health else "",
        latency=f"{health.latency_ms} ms" if health and health.reachable else "",
        harvested=_harvest_words(archive, harvest),
        copies=copies[0],
        missing=copies[1],
        advice=advice,
    )


def _harvest_words(archive: ArchiveRecord, harvest: tuple[int, str] | None) -> str:
    if harvest is None:
        return "as objects arrive" if archive.kind == "image-store" else "never"
    return instant_words(harvest[0]) + (", with a problem" if harvest[1] else "")


def _archive_judgement(archive: ArchiveRecord, health: EndpointHealth | None) -> tuple[State, str]:
    answering = is_answering(health)
    if health is None or answering is None:
        return State("Not known", "grey"), "It has not been asked lately. Check that the record's jobs are running."
    if answering:
        return State("Answering", "green"), ""
    words = PHASES.get(health.phase, "does not answer")
    advice = {
        "not-connected": "Check that the archive and the network link to it are up.",
        "no-answer": "It takes connections and says nothing: its service probably needs a restart. Call its PACS team.",
        "cut": "Its answers break off in the middle: look for a proxy or firewall with a short time limit.",
        "wrong-answer": "Its DICOMweb service answers with errors. Call its PACS team; its own log says why.",
    }.get(health.phase, "Call its PACS team.")
    return State(words.capitalize(), "red"), f"{advice} Reports stay readable; images open where another copy exists."


@open_to(Audience.USER, page="feeds")
def quarantine_page() -> Response:
    """GET /feeds/quarantine, of one feed with `feed`, and earlier ones with `before`."""
    feed, before = request.args.get("feed"), request.args.get("before", "")
    with portal_services().database.read() as connection:
        listed = quarantined_messages(
            connection, feed_name=feed, before=int(before) if before[:20].isdecimal() else None, limit=_LISTED + 1
        )
    more = len(listed) > _LISTED
    shown = listed[:_LISTED]
    return render(
        "quarantine.jinja",
        messages=shown,
        feed=feed,
        next_before=shown[-1].received_at if more else None,
        may_replay=current_exchange().caller.role == _REPLAYING_ROLE,
        csrf_token=csrf_token(),
        replayed=replayed if (replayed := request.args.get("replayed", "")).isdecimal() else "",
    )


@open_to(Audience.USER, page="feeds")
def replay_messages() -> AnyResponse:
    """POST /feeds/quarantine/replay: one message, or all that are quarantined for a reason and feed."""
    if current_exchange().caller.role != _REPLAYING_ROLE:
        raise Forbidden("Only a RIS manager can send messages back into filing.")
    services = portal_services()
    message_id, feed = request.form.get("message_id"), request.form.get("feed")
    if message_id:
        _require_quarantined(message_id)
        count = replay(services.storage, [message_id])
    elif feed is not None:
        count = replay(services.storage, ReplayFilter(feed=feed, state=QUARANTINED))
    else:
        raise BadRequest("Choose a message, or a feed.")
    return redirect(f"/feeds/quarantine?replayed={count}", 303)


def _require_quarantined(message_id: str) -> None:
    with portal_services().database.read() as connection:
        found = quarantined_messages(connection, message_id=message_id, limit=1)
    if not found:
        raise BadRequest("This message is not in the quarantine any more.")
