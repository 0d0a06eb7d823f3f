"""A record served as operators run it: real processes, filled by real commands, killed at will, seen from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import requests
from click.testing import CliRunner

from fhir_server.cli.main import group
from tests.support.ports import free_port

Found = TypeVar("Found")
AET = "IMAGINGRECORD"
#: A test process that is killed takes its records with it.
_OUTLIVED_BY_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
_COMMAND = (sys.executable, "-m", "fhir_server.cli.main")


class CommandFailed(Exception):
    """A command of ours ended with another exit code than 0; the text is what it said."""


def eventually(find: Callable[[], Found], what: str, *, timeout_s: float = 60.0) -> Found:
    """The first true value of `find`; AssertionError naming `what` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := find()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)
    return value


class ServedRecord:
    """One `imaging-record serve`. `settings` are IMAGING_RECORD_ variables by their short names."""

    def __init__(self, folder: Path, database: str, **settings: object) -> None:
        self.folder, self.database = folder, database
        self.http, self.mllp_port, self.dicom_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http}"
        self.log = folder / "log"
        chosen = {"data_dir": folder / "var", "aet": AET, **settings}
        self.settings = {f"IMAGING_RECORD_{name.upper()}": str(value) for name, value in chosen.items()}
        self.settings["IMAGING_RECORD_DATABASE"] = database
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def spool(self) -> Path:
        """Where disclosures wait to be filed."""
        return self.folder / "var" / "spool"

    def start(self, web_workers: int = 2) -> ServedRecord:
        """Start it (again) and wait until every door is open."""
        doors = ["--http", f"127.0.0.1:{self.http}", "--mllp", f"127.0.0.1:{self.mllp_port}"]
        doors += ["--dicom", f"127.0.0.1:{self.dicom_port}", "--web-workers", str(web_workers)]
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*_OUTLIVED_BY_US, *_COMMAND, "serve", *doors],
                env={**os.environ, **self.settings},
                stderr=stderr,
                stdin=subprocess.DEVNULL,
            )
        try:
            eventually(self.is_serving, "the record is ready", timeout_s=120)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process = None

    def __enter__(self) -> ServedRecord:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def crash(self) -> None:
        """`kill -9` of the supervisor: its children go with it."""
        assert self.process is not None
        children = self.pids()
        self.process.kill()
        self.process.wait()
        self.process = None
        eventually(lambda: not any(_is_running(pid) for pid in children.values()), "the children are gone")

    def command(self, *arguments: str, said: str = "") -> Any:
        """Run a command with --json against this record's database; what it printed.

        In this process, because a new one needs seconds to begin. It borrows sys.stdout, which live logging of pytest
        (--log-cli-level) takes back: log to a file instead.
        """
        done = CliRunner().invoke(group, [*arguments, "--json"], input=said, env=self.settings)
        if done.exit_code:
            raise CommandFailed(f"{arguments[:2]}: {done.exception!r} {done.stderr}")
        return json.loads(done.stdout)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=10)

    def is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"serve ended: {self.log.read_text()[-2000:]}")
        with suppress(requests.RequestException):
            return self.get("/readyz").status_code == 200
        return False

    def is_serving(self) -> bool:
        """Ready, and the doors for messages and objects are open."""
        return self.is_ready() and all(_is_open(port) for port in (self.mllp_port, self.dicom_port))

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Lines of the log whose event ends with the name."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"].endswith(name)]

    def pids(self) -> dict[str, int]:
        """The process of each child, as last started."""
        return {event["child"]: event["pid"] for event in self.events("child-started")}

    def kill(self, child: str) -> None:
        """`kill -9` of one child; returns at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pids()[child], signal.SIGKILL)

    def family(self, child: str) -> list[int]:
        """The processes of a child: its own and those that it started."""
        return list(_family(self.pids()[child]))

    def memory_kib(self) -> dict[str, int]:
        """Each child's own resident memory, with what it started; pages of the database file are not its own."""
        return {child: sum(map(_resident_kib, self.family(child))) for child in self.pids()}


def _is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _resident_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    return 0
