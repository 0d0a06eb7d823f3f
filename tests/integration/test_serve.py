"""`imaging-record serve` as operators run it: it prepares the store, answers, heals, and stops when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.ports import free_port


class Serve:
    """A running record. Its doors for feeds and DICOM are on free ports too."""

    def __init__(self, folder: Path, database: str) -> None:
        self._log = folder / "log"
        self.port = free_port()
        self.mllp_port, self.dicom_port = free_port(), free_port()
        doors = ["--http", f"127.0.0.1:{self.port}", "--mllp", f"127.0.0.1:{self.mllp_port}"]
        doors += ["--dicom", f"127.0.0.1:{self.dicom_port}", "--web-workers", "1"]
        environment = {**os.environ, "IMAGING_RECORD_DATA_DIR": str(folder / "var")}
        with self._log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fhir_server.cli.main", "serve", "--database", database, *doors],
                env=environment,
                stderr=stderr,
            )

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except requests.ConnectionError:
            return False

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"].endswith(name)]

    def pid(self, child: str) -> int:
        pids = [event["pid"] for event in self.events("child-started") if event["child"] == child]
        return int(pids[-1])


def eventually(condition: Callable[[], Any], *, timeout_s: float = 30.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value


@pytest.fixture
def serve(tmp_path: Path, database_url: str) -> Iterator[Serve]:
    running = Serve(tmp_path, database_url)
    try:
        eventually(running.is_ready, timeout_s=120.0)  # a busy machine imports slowly
        yield running
    finally:
        running.process.terminate()
        running.process.wait(30)


def test_serve_prepares_an_empty_store_heals_and_stops(serve: Serve):
    assert serve.get("/healthz").json()["status"] == "ready"
    for child in ("web-1", "feeds", "jobs", "dicom"):
        killed = serve.pid(child)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda child=child, killed=killed: serve.pid(child) != killed, timeout_s=5.0)
    eventually(serve.is_ready)
    assert "imaging_record_http_requests_total" in serve.get("/metrics").text
    assert not serve.events("child-failed")
    serve.process.terminate()
    assert serve.process.wait(30) == 0
    assert not serve.events("child-killed")


def test_second_serve_at_the_same_port_says_so(serve: Serve, tmp_path: Path):
    arguments = ["serve", "--database", f"sqlite:///{tmp_path / 'other.db'}", "--http", f"127.0.0.1:{serve.port}"]
    done = subprocess.run(
        [sys.executable, "-m", "fhir_server.cli.main", *arguments],
        env={**os.environ, "IMAGING_RECORD_DATA_DIR": str(tmp_path / "other")},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert f"cannot listen at 127.0.0.1:{serve.port}" in done.stderr.decode()


def test_browsers_that_idle_do_not_shut_others_out(serve: Serve):
    idle = [requests.Session() for _ in range(200)]
    for session in idle:
        assert session.get(f"http://127.0.0.1:{serve.port}/healthz", timeout=5).status_code == 200
    assert serve.get("/healthz").status_code == 200
