"""Which copy is opened first, and what people are told about the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fhir_server.imaging.availability import Availabilities
from fhir_server.imaging.locate import Locator
from fhir_server.imaging.ports import Archive, ArchiveEndpoint, CopyState, EndpointHealth, StudyLocation

STUDY = "1.2.3"


class Held:
    """An archive that is only pointed at."""

    def __init__(self, endpoint_id: str, kind: str = "dicom-wado-rs") -> None:
        self.endpoint = ArchiveEndpoint(
            endpoint_id, f"PACS {endpoint_id}", endpoint_id, f"Trust {endpoint_id}", kind, "", "urn:mrn", "urn:acc"
        )


class Directory:
    def __init__(self, *archives: Any) -> None:
        self._archives = {a.endpoint.endpoint_id: a for a in archives}

    def all(self) -> Sequence[Archive]:
        return list(self._archives.values())

    def get(self, endpoint_id: str) -> Archive | None:
        return self._archives.get(endpoint_id)


class Store:
    """Copies and health as harvest would remember them."""

    def __init__(self) -> None:
        self.copies: list[StudyLocation] = []
        self.states: dict[str, EndpointHealth] = {}

    def holds(self, endpoint_id: str, count: int = 4, state: CopyState = CopyState.ONLINE) -> Store:
        self.copies.append(StudyLocation(STUDY, endpoint_id, state, 1, count, "20260101", "A1", "urn:mrn", "h", 0))
        return self

    def answers(self, endpoint_id: str, *, reachable: bool, age_s: float = 1, latency_ms: int = 10) -> Store:
        now = int((time.time() - age_s) * 1_000_000)
        phase = "ok" if reachable else "no-answer"
        self.states[endpoint_id] = EndpointHealth(endpoint_id, reachable, phase, latency_ms, now, now)
        return self

    def locations(self, study_uid: str) -> list[StudyLocation]:
        return list(self.copies)

    def locations_of_many(self, study_uids: Sequence[str]) -> dict[str, list[StudyLocation]]:
        return {STUDY: list(self.copies)} if self.copies else {}

    def health(self) -> dict[str, EndpointHealth]:
        return self.states


DIRECTORY = Directory(Held("A"), Held("B"), Held("S", "image-store"))


def order(store: Store, named: Sequence[str] = ()) -> list[str]:
    copies = Locator(DIRECTORY, store).copies(STUDY, named)  # type: ignore[arg-type]
    return [c.archive.endpoint.endpoint_id for c in copies]


def said(store: Store, named: Sequence[str] = ()) -> tuple[bool | None, str]:
    found = Availabilities(DIRECTORY, store).of_studies({STUDY: named})[STUDY]  # type: ignore[arg-type]
    return found.opens_now, found.reason


def test_an_answering_copy_goes_before_a_silent_one_and_a_near_one_before_a_far_one() -> None:
    store = Store().holds("A").holds("B").holds("S")
    store.answers("A", reachable=False).answers("B", reachable=True).answers("S", reachable=True)
    assert order(store) == ["S", "B", "A"]


def test_a_copy_of_a_part_goes_after_the_whole() -> None:
    store = Store().holds("S", count=2).holds("B", count=4).answers("S", reachable=True).answers("B", reachable=True)
    copies = Locator(DIRECTORY, store).copies(STUDY)  # type: ignore[arg-type]
    assert [(c.archive.endpoint.endpoint_id, c.whole) for c in copies] == [("B", True), ("S", False)]


def test_a_missing_copy_is_not_tried_and_a_named_endpoint_is() -> None:
    store = Store().holds("A", state=CopyState.MISSING)
    assert order(store, ["A", "B", "gone"]) == ["B"]


def test_an_archive_that_keeps_failing_is_left_alone() -> None:
    store = Store().holds("A").holds("B")
    locator = Locator(DIRECTORY, store)  # type: ignore[arg-type]
    for _ in range(3):
        locator.breakers.failed("A")
    assert [c.answering for c in locator.copies(STUDY)] == [None, False]
    locator.breakers.answered("A")
    assert [c.answering for c in locator.copies(STUDY)] == [None, None]


def test_people_are_told_from_where_images_open() -> None:
    assert said(Store().holds("A").answers("A", reachable=True)) == (True, "Images open now, from Trust A.")
    both = Store().holds("A").holds("S").answers("A", reachable=False).answers("S", reachable=True)
    assert said(both) == (True, "Images open now, from PACS S.")


def test_people_are_told_why_images_do_not_open() -> None:
    opens, reason = said(Store().holds("A").answers("A", reachable=False))
    assert opens is False and reason.startswith("PACS A does not answer since ")
    assert said(Store().holds("A", state=CopyState.MISSING)) == (False, "The archive no longer lists these images.")
    assert said(Store()) == (False, "No archive is known to hold the images.")


def test_an_old_probe_is_not_taken_for_knowledge() -> None:
    assert said(Store().holds("A").answers("A", reachable=True, age_s=600))[0] is None
