"""The whole region runs: its story arrives at the doors, its PACSs answer as registered, and live exams flow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from adapters.emulated_trust.region import PATIENTS_MIN
from adapters.emulated_trust.run import RunningRegion, plan_endpoints, start_region
from adapters.emulated_trust.trusts import BY_ODS, TRUSTS
from hl7.message import peek_header
from tests.support.region_doors import DicomDoor, MllpDoor


@pytest.fixture
def doors() -> Iterator[tuple[MllpDoor, DicomDoor]]:
    mllp, dicom = MllpDoor(), DicomDoor()
    yield mllp, dicom
    mllp.close()
    dicom.close()


@pytest.fixture
def running(doors: tuple[MllpDoor, DicomDoor]) -> Iterator[RunningRegion]:
    mllp, dicom = doors
    running = start_region(mllp.address, (dicom.peer.host, dicom.peer.port, dicom.peer.aet), patients=9)
    yield running
    running.stop()


def _wait(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_history_arrives_whole_and_studies_without_dicomweb_are_pushed(
    doors: tuple[MllpDoor, DicomDoor], running: RunningRegion
) -> None:
    told: list[tuple[int, int]] = []
    sent = running.load_history(lambda done, total: told.append((done, total)))
    mllp, dicom = doors
    messages = [message.payload for trust in TRUSTS for message in running.region.messages(trust)]
    pushed = running.region.studies(BY_ODS["RFS"])
    assert Counter(mllp.received) == Counter(messages)
    assert {each.StudyInstanceUID for each in dicom.stored} == {plan.study_instance_uid for plan in pushed}
    assert "PixelData" in dicom.stored[0]
    assert sorted(told)[-1] == (sent, sent) == (len(messages) + len(pushed),) * 2
    assert mllp.connections == len(TRUSTS)


def test_endpoints_answer_as_they_say(running: RunningRegion) -> None:
    for endpoint in running.endpoints:
        if endpoint.archive == "dimse":
            assert endpoint.dicomweb_url is None
            assert endpoint.dimse_url == f"dicom://{endpoint.aet}@127.0.0.1:{endpoint.dimse_port}"
        else:
            assert requests.get(f"{endpoint.dicomweb_url}/studies", timeout=10).status_code in (200, 204)


def test_pacs_of_the_outage_goes_down_after_the_story_and_can_come_back(running: RunningRegion) -> None:
    kettering = next(endpoint for endpoint in running.endpoints if endpoint.archive == "down")
    running.outage_after_s = 0.1
    running.load_history()
    _wait(lambda: not running.systems["RNQ"].pacs.running)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{kettering.dicomweb_url}/studies", timeout=10)
    running.systems["RNQ"].pacs.start()
    study = running.region.cases["pacs-down"].shown.study_instance_uid
    found = requests.get(f"{kettering.dicomweb_url}/studies", params={"StudyInstanceUID": study}, timeout=10).json()
    assert len(found) == 1


def test_live_exam_goes_from_order_to_images(doors: tuple[MllpDoor, DicomDoor], running: RunningRegion) -> None:
    before = {ods: len(system.pacs.archive.studies()) for ods, system in running.systems.items()}
    running.start_live(exams_per_minute=2)
    mllp, _ = doors
    _wait(lambda: len(mllp.received) >= 6)
    events = [peek_header(payload).event for payload in mllp.received[:6]]
    assert events[0] == "ADT^A28" and events[1] == events[2] == events[4]
    facility = peek_header(mllp.received[0]).sending_facility
    assert len(running.systems[facility].pacs.archive.studies()) == before[facility] + 1


def test_images_of_a_live_exam_are_there_after_a_restart(doors: tuple[MllpDoor, DicomDoor], tmp_path: Path) -> None:
    mllp, dicom = doors
    door = (dicom.peer.host, dicom.peer.port, dicom.peer.aet)
    first = start_region(mllp.address, door, patients=9, diary_path=tmp_path / "diary")
    seeded = _held(first)
    first.start_live(exams_per_minute=600)
    _wait(lambda: len((tmp_path / "diary").read_text().splitlines()) > 3)
    first.stop()
    noted = len((tmp_path / "diary").read_text().splitlines()) - 1
    second = start_region(mllp.address, door, patients=9, diary_path=tmp_path / "diary")
    assert len(_held(second)) == len(seeded) + noted and _held(second) >= _held(first)
    second.stop()


def _stored_studies(dicom: DicomDoor) -> set[str]:
    return {str(each.StudyInstanceUID) for each in dicom.stored}


def _held(running: RunningRegion) -> set[str]:
    return {plan.study_instance_uid for system in running.systems.values() for plan in system.pacs.archive.studies()}


def test_planned_endpoints_are_two_ports_apart() -> None:
    ports = [endpoint.dimse_port for endpoint in plan_endpoints(20000)]
    assert ports == list(range(20001, 20017, 2))
    assert plan_endpoints(20000)[0].dicomweb_url == "http://127.0.0.1:20000/dicom-web"


def test_program_describes_itself_obeys_and_ends_with_its_input(doors: tuple[MllpDoor, DicomDoor]) -> None:
    mllp, dicom = doors
    command = [
        sys.executable, "-m", "adapters.emulated_trust.run", "--control", "--hold", "--rate", "0", "--patients", "9",
        "--mllp", f"127.0.0.1:{mllp.address[1]}", "--dicom", f"127.0.0.1:{dicom.peer.port}:IMAGINGRECORD",
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        described = json.loads(process.stdout.readline())
        url = next(each["dicomweb_url"] for each in described["endpoints"] if each["ods"] == "RX1")
        assert len(described["cases"]) == PATIENTS_MIN
        assert requests.get(f"{url}/studies", timeout=10).ok
        assert not mllp.received
        process.stdin.write("begin\nstop RX1\n")
        process.stdin.flush()
        said = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert {"done": "stop RX1"} in said and {"history": len(mllp.received) + len(_stored_studies(dicom))} in said
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/studies", timeout=10)
        process.stdin.close()
        assert process.wait(20) == 0
