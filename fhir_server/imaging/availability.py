"""Whether the images of a study open now, or in one sentence why not: what pages show beside every study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fhir_server.imaging.locate import is_answering
from fhir_server.imaging.ports import Archive, ArchiveDirectory, CopyState, EndpointHealth, HarvestStore, StudyLocation

_PHASES = {
    "not-connected": "cannot be reached",
    "no-answer": "does not answer",
    "cut": "breaks off its answers",
    "wrong-answer": "answers with errors",
}


@dataclass(frozen=True)
class Availability:
    """`opens_now` is False when no copy answers, None when that is not known; `reason` is a sentence for people."""

    opens_now: bool | None
    reason: str
    trusts: tuple[str, ...] = ()


def _place(archive: Archive) -> str:
    """Where a copy is, for people: the trust, or the region's own store by its name."""
    endpoint = archive.endpoint
    return endpoint.name if endpoint.kind == "image-store" else endpoint.trust_name


class Availabilities:
    """Answers for whole pages of studies with two statements."""

    def __init__(self, directory: ArchiveDirectory, store: HarvestStore) -> None:
        self._directory = directory
        self._store = store

    def of_studies(self, studies: Mapping[str, Sequence[str]]) -> dict[str, Availability]:
        """By Study Instance UID; the values are the ids of the Endpoints that each ImagingStudy names."""
        known = self._store.locations_of_many(list(studies))
        health = self._store.health()
        return {uid: self._judge(known.get(uid, []), named, health) for uid, named in studies.items()}

    def trust_name(self, ods: str | None) -> str:
        """The name of a trust by its ODS code, as its archives carry it; the code when it has none."""
        named = (a.endpoint for a in self._directory.all() if a.endpoint.kind != "image-store")
        return next((e.trust_name for e in named if e.trust == ods), ods or "")

    def _judge(
        self, known: Sequence[StudyLocation], named: Sequence[str], health: Mapping[str, EndpointHealth]
    ) -> Availability:
        held = [c.endpoint_id for c in known if c.state != CopyState.MISSING]
        listed = {c.endpoint_id for c in known}
        ids = list(dict.fromkeys([*held, *(e for e in named if e not in listed)]))
        copies = [(e, a) for e in ids if (a := self._directory.get(e)) is not None]
        if not copies:
            gone = "The archive no longer lists these images." if known else "No archive is known to hold the images."
            return Availability(False, gone)
        places = [_place(a) for _, a in copies]
        trusts = tuple(dict.fromkeys(places))
        states = [is_answering(health.get(e)) for e, _ in copies]
        if True in states:
            return Availability(True, f"Images open now, from {places[states.index(True)]}.", trusts)
        if None in states:
            return Availability(None, f"It is not known whether {places[states.index(None)]} answers.", trusts)
        down = [self._why(e, health) for e, _ in copies]
        return Availability(False, " ".join(dict.fromkeys(down)), trusts)

    def _why(self, endpoint_id: str, health: Mapping[str, EndpointHealth]) -> str:
        archive, state = self._directory.get(endpoint_id), health[endpoint_id]
        name, zone = (archive.endpoint.name, archive.endpoint.zone) if archive else (endpoint_id, "UTC")
        return f"{name} {_PHASES.get(state.phase, 'does not answer')} since {_clock(state.since, ZoneInfo(zone))}."


def _clock(instant: int, zone: ZoneInfo) -> str:
    """The time of day, with the day when that is not today."""
    then = datetime.fromtimestamp(instant / 1_000_000, zone)
    return then.strftime("%H:%M" if then.date() == datetime.now(zone).date() else "%d-%b-%Y %H:%M")
