"""A killed child is back within seconds, a killed supervisor leaves nobody behind, and the HTTP port is never lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_server.settings import Address
from fhir_server.supervision import ports
from tests.support.ports import free_port

CHILD = """
import os, signal, subprocess, sys, time
from fhir_server.supervision import lifeline
lifeline.follow(int(sys.argv[1]), 1.0)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
{body}
time.sleep(600)
"""

SUPERVISOR = """
import sys
from fhir_server import logs
from fhir_server.supervision.supervisor import ChildSpec, Supervisor
logs.configure()
children = [ChildSpec(name, (sys.executable, "-c", {child!r}, "{{lifeline}}")) for name in {names!r}]
Supervisor(children, stop_timeout_s=1.0).run()
"""

WEB = """
import sys
from fhir_server import logs
from fhir_server.supervision.supervisor import ChildSpec, Supervisor
logs.configure()
run = '''
import sys
from fhir_server.settings import Settings
from fhir_server.supervision import web, lifeline
lifeline.follow(int(sys.argv[1]), 2.0)
settings = Settings(http={http!r}, web_threads=4, stop_timeout_s=5.0)
web.run(settings, int(sys.argv[1]), "tests.integration.web_application:create_app")
'''
children = [ChildSpec(f"web-{{n}}", (sys.executable, "-c", run, "{{lifeline}}")) for n in (1, 2)]
Supervisor(children, stop_timeout_s=5.0).run()
"""


class Run:
    """A supervisor in a process of its own; `events` are the lines it logged."""

    def __init__(self, script: str, log: Path) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen([sys.executable, "-c", script], stderr=stderr)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"].endswith(name)]

    def pids(self, child: str) -> list[int]:
        return [line["pid"] for line in self.events("child-started") if line["child"] == child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Run]]:
    runs: list[Run] = []

    def run(script: str) -> Run:
        runs.append(Run(textwrap.dedent(script), tmp_path / f"log-{len(runs)}"))
        return runs[-1]

    yield run
    for started in runs:
        started.process.kill()
        started.process.wait()


def supervisor(*names: str, body: str = "") -> str:
    return SUPERVISOR.format(child=CHILD.format(body=body), names=list(names))


def eventually(condition: Callable[[], Any], *, timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return value


def is_running(pid: int) -> bool:
    """Alive and not a zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [*children, *(below for child in children for below in descendants(child))]
    return []


def test_killed_child_is_back_within_two_seconds_and_its_own_children_are_swept(start):
    run = start(supervisor("one", "two"))
    eventually(lambda: run.pids("one") and run.pids("two"))
    first, other = run.pids("one")[0], run.pids("two")[0]
    grandchild = eventually(lambda: descendants(first))[0]
    killed_at = time.monotonic()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(run.pids("one")) == 2, timeout_s=2.0)
    assert time.monotonic() - killed_at < 2.0
    eventually(lambda: not is_running(grandchild))
    assert is_running(other)
    assert run.events("child-died")[0]["exit_code"] == -signal.SIGKILL


def test_child_that_keeps_dying_is_started_later_and_later(start):
    run = start(supervisor("one", body="sys.exit(3)"))
    eventually(lambda: len(run.events("child-died")) >= 4)
    delays = [line["delay_s"] for line in run.events("child-died")][:4]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_child_that_cannot_be_started_is_tried_again_and_the_others_run(start):
    missing = "children += [ChildSpec('none', ('/no/such/program',))]\nSupervisor("
    run = start(supervisor("one").replace("Supervisor(", missing))
    eventually(lambda: len(run.events("child-not-started")) >= 3)
    assert is_running(run.pids("one")[0])


def test_terminated_supervisor_stops_its_children_and_says_so(start):
    run = start(supervisor("one", "two"))
    eventually(lambda: len(run.events("child-started")) == 2)
    below = eventually(lambda: len(found := descendants(run.process.pid)) == 4 and found)
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert not [pid for pid in below if is_running(pid)]
    assert len(run.events("child-stopped")) == 2
    assert run.events("supervision.stopped")


def test_child_that_ignores_the_request_to_stop_is_killed(start):
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    run = start(supervisor("one", body=body))
    pid = eventually(lambda: run.pids("one"))[0]
    eventually(lambda: descendants(pid))
    time.sleep(0.3)
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert run.events("child-killed")
    assert not is_running(pid)


def test_killed_supervisor_leaves_no_orphan(start):
    run = start(supervisor("one", body="signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    child = eventually(lambda: run.pids("one"))[0]
    grandchild = eventually(lambda: descendants(child))[0]
    run.process.kill()
    run.process.wait()
    eventually(lambda: not is_running(child) and not is_running(grandchild), timeout_s=5.0)


def answer(port: int, path: str = "/") -> int:
    """The id of the process that answers; a reset connection is tried again, as any client does."""
    for _ in range(50):
        with contextlib.suppress(requests.ConnectionError):
            return int(requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).text)
        time.sleep(0.1)
    raise AssertionError("nobody answers")


def workers(port: int) -> set[int]:
    return {answer(port) for _ in range(24)}


@pytest.mark.parametrize("victim", ["worker", "granian"])
def test_killed_web_process_is_replaced_while_its_sibling_answers(start, victim):
    port = free_port()
    run = start(WEB.format(http=f"127.0.0.1:{port}"))
    before = eventually(lambda: len(found := workers(port)) == 2 and found)
    granian = run.pids("web-1")[0]
    worker = next(pid for pid in descendants(granian) if pid in before)
    os.kill(worker if victim == "worker" else granian, signal.SIGKILL)
    assert answer(port)
    after = eventually(lambda: len(found := workers(port)) == 2 and found != before and found)
    assert worker not in after
    assert not is_running(worker) and not is_running(granian)


def test_killed_supervisor_leaves_no_web_process_and_frees_the_port(start):
    port = free_port()
    run = start(WEB.format(http=f"127.0.0.1:{port}"))
    eventually(lambda: len(workers(port)) == 2)
    below = descendants(run.process.pid)
    assert len(below) >= 4
    run.process.kill()
    run.process.wait()
    eventually(lambda: not [pid for pid in below if is_running(pid)], timeout_s=10.0)
    ports.reserve(Address("127.0.0.1", port))[0].close()


def test_request_under_way_is_answered_before_the_web_process_stops(start):
    port = free_port()
    run = start(WEB.format(http=f"127.0.0.1:{port}"))
    workers_before = eventually(lambda: len(found := workers(port)) == 2 and found)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(answer, port, "/slow")
        time.sleep(0.4)
        run.process.terminate()
        assert slow.result(10) in workers_before
    assert run.process.wait(15) == 0


def test_port_in_use_is_said_plainly():
    held, taken = ports.reserve(Address("127.0.0.1", 0))
    held.listen()
    with held, pytest.raises(ports.PortTaken, match=f"cannot listen at 127.0.0.1:{taken.port}"):
        ports.reserve(taken)
