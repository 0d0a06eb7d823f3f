"""Whether the images of a study open now, or in one sentence why not: what pages show beside every study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fhir_server.imaging.locate import is_answering
from fhir_server.imaging.ports import ArchiveDirectory, CopyState, EndpointHealth, HarvestStore, StudyLocation

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
        trusts = tuple(dict.fromkeys(a.endpoint.trust_name for _, a in copies))
        states = [is_answering(health.get(e)) for e, _ in copies]
        if True in states:
            return Availability(True, f"Images open now, from {trusts[states.index(True)]}.", trusts)
        if None in states:
            return Availability(None, f"It is not known whether {trusts[0]} answers.", trusts)
        down = [self._why(e, health) for e, _ in copies]
        return Availability(False, " ".join(dict.fromkeys(down)), trusts)

    def _why(self, endpoint_id: str, health: Mapping[str, EndpointHealth]) -> str:
        archive, state = self._directory.get(endpoint_id), health[endpoint_id]
        name = archive.endpoint.name if archive else endpoint_id
        since = datetime.fromtimestamp(state.since / 1_000_000, UTC).strftime("%H:%M UTC")
        return f"{name} {_PHASES.get(state.phase, 'does not answer')} since {since}."
