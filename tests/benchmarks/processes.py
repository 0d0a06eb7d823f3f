"""Servers under measurement: started as an operator would, measured by the operating system's own accounting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import wait_for_port

_TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(arguments: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[int]:
    """Run a command until the block ends; yields its process id once the port answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_for_port(port, timeout_s=60)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def serve_arguments(database: str, port: int, workers: int) -> list[str]:
    """The record's web part alone."""
    return [
        sys.executable, "-m", "fhir_server.cli.main", "serve", "--database", database, "--http", f"127.0.0.1:{port}",
        "--mllp", "off", "--dicom", "off", "--web-workers", str(workers),
    ]  # fmt: skip


def baseline_arguments(port: int, workers: int, threads: int) -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads), "--no-ws", "--http", "1", "--loop", "asyncio",
        "--log-level", "warning", "tests.benchmarks.baseline:create_app",
    ]  # fmt: skip


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the process trees so far."""
    return sum(_own(pid) for pid in _trees(roots))


def _trees(roots: Iterable[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = set(), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found


def _own(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime, stime, and those of children already waited for
    return sum(int(f) for f in fields[11:15]) / _TICK


def settle(seconds: float = 0.5) -> None:
    """Let a server finish what it does after its answers."""
    time.sleep(seconds)
