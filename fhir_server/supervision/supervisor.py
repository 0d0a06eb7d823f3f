"""Starting child processes, restarting a dead one by the policy, and stopping them all together."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_server import logs
from fhir_server.supervision.policy import Life, RestartPolicy

CHILD_STARTED = logs.event("supervision.child-started", "A child process was started.", "child", "pid", "attempt")
CHILD_DIED = logs.event(
    "supervision.child-died",
    "A child process ended by itself and will be started again.",
    *("child", "pid", "exit_code", "delay_s"),
    level=logging.WARNING,
)
CHILD_NOT_STARTED = logs.event(
    "supervision.child-not-started",
    "A child process could not be started and will be tried again.",
    *("child", "delay_s"),
    level=logging.ERROR,
)
CHILD_KILLED = logs.event(
    "supervision.child-killed", "A child did not stop in time and was killed.", "child", "pid", level=logging.WARNING
)
CHILD_STOPPED = logs.event("supervision.child-stopped", "A child process stopped as asked.", "child", "pid")
STOPPING = logs.event("supervision.stopping", "The supervisor was told to stop.", "signal")
STOPPED = logs.event("supervision.stopped", "Every child process has stopped.")


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `{lifeline}` in an argument becomes the file descriptor that lifeline.follow watches."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Child:
    spec: ChildSpec
    life: Life = field(default_factory=Life)
    process: subprocess.Popen[bytes] | None = None


class Supervisor:
    """Runs children until SIGTERM or SIGINT. Call `run` from the main thread, where signals arrive."""

    def __init__(
        self, specs: Sequence[ChildSpec], *, policy: RestartPolicy | None = None, stop_timeout_s: float = 10.0
    ) -> None:
        self._children = [_Child(spec) for spec in specs]
        self._policy = policy or RestartPolicy()
        self._stop_timeout_s = stop_timeout_s
        self._stop_signal: int | None = None

    def run(self) -> None:
        """Start all, keep all running, and return when all have stopped after SIGTERM or SIGINT."""
        read_end, write_end = os.pipe()
        with _woken_by_signals(self._on_signal) as wake:
            try:
                while self._stop_signal is None:
                    now = time.monotonic()
                    self._reap(now)
                    self._start_due(now, read_end)
                    self._wait(wake, now)
                STOPPING(signal=signal.Signals(self._stop_signal).name)
                self._stop(wake)
            finally:
                os.close(write_end)
                os.close(read_end)
        STOPPED()

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stop_signal = number

    def _start_due(self, now: float, read_end: int) -> None:
        for child in self._children:
            if child.life.is_due(now):
                self._start(child, now, read_end)

    def _start(self, child: _Child, now: float, read_end: int) -> None:
        """A machine that is out of memory or processes must not bring the others down: it is tried again later."""
        child.life = child.life.start(now)
        try:
            child.process = _spawn(child.spec, read_end)
        except OSError as error:
            child.life = child.life.die(now, self._policy)
            CHILD_NOT_STARTED(child=child.spec.name, delay_s=child.life.wait_s(now), exc=error)
        else:
            CHILD_STARTED(child=child.spec.name, pid=child.process.pid, attempt=child.life.failures + 1)

    def _reap(self, now: float) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                child.life = child.life.die(now, self._policy)
                pid, exit_code = child.process.pid, child.process.returncode
                CHILD_DIED(child=child.spec.name, pid=pid, exit_code=exit_code, delay_s=child.life.wait_s(now))
                _signal_group(child, signal.SIGKILL)
                child.process = None

    def _wait(self, wake: socket.socket, now: float) -> None:
        """Sleep until a signal arrives or the next restart is due."""
        due = [child.life.wait_s(now) for child in self._children if child.life.restart_at is not None]
        _sleep(wake, min(due) if due else None)

    def _stop(self, wake: socket.socket) -> None:
        """SIGTERM to every child and its own children, then SIGKILL to what is left after the time to stop."""
        deadline = time.monotonic() + self._stop_timeout_s
        for child in self._running():
            _signal_group(child, signal.SIGTERM)
        while any(child.process and child.process.poll() is None for child in self._running()):
            if (left_s := deadline - time.monotonic()) <= 0:
                break
            _sleep(wake, left_s)
        for child in self._running():
            self._finish(child)

    def _finish(self, child: _Child) -> None:
        if (process := child.process) is None:
            return
        stopped = process.poll() is not None
        _signal_group(child, signal.SIGKILL)
        process.wait()
        (CHILD_STOPPED if stopped else CHILD_KILLED)(child=child.spec.name, pid=process.pid)

    def _running(self) -> list[_Child]:
        return [child for child in self._children if child.process is not None]


def _spawn(spec: ChildSpec, read_end: int) -> subprocess.Popen[bytes]:
    """In a process group of its own, so that Ctrl-C reaches the supervisor alone and a group can be swept at once."""
    return subprocess.Popen(
        [argument.replace("{lifeline}", str(read_end)) for argument in spec.arguments],
        env={**os.environ, **spec.environment},
        stdin=subprocess.DEVNULL,
        pass_fds=(read_end,),
        process_group=0,
    )


def _signal_group(child: _Child, number: signal.Signals) -> None:
    """Signal a child and whatever it started; a group that is gone already is fine."""
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)


def _sleep(wake: socket.socket, timeout_s: float | None) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(wake, selectors.EVENT_READ)
        if selector.select(timeout_s):
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)


@contextlib.contextmanager
def _woken_by_signals(handler: signal._HANDLER) -> Iterator[socket.socket]:
    """A socket that becomes readable when a child ends or the supervisor is told to stop."""
    wake, waker = socket.socketpair()
    wake.setblocking(False)
    waker.setblocking(False)
    numbers = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handler) for number in numbers}
    previous = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    try:
        yield wake
    finally:
        signal.set_wakeup_fd(previous)
        for number, old in before.items():
            signal.signal(number, old)
        wake.close()
        waker.close()
