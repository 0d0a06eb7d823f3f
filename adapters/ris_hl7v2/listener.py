"""The MLLP server: blocking threads, one for each of a bounded number of connections, each with many messages.

For the tens of long-lived connections that feeds hold, threads that block cost less per message than an event loop.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

from adapters.ris_hl7v2.connection import Limits, MllpConnection
from fhir_server.ingest.receive import FeedConnection, Receiver
from fhir_server.ingest.services import IngestServices

logger = logging.getLogger(__name__)

_BACKLOG = 128
_ACCEPT_WAIT_S = 0.25
_PAUSE_AFTER_FAILURE_S = 0.2


class MllpListener:
    """Listens from the moment it is made; `port` is the real one (port 0 picks a free one). `run` serves."""

    def __init__(self, services: IngestServices, host: str, port: int) -> None:
        settings = services.settings
        self._limits = Limits(settings.mllp_message_bytes_max, settings.mllp_idle_timeout_s)
        self._stop_timeout_s = settings.stop_timeout_s
        self._places = threading.BoundedSemaphore(settings.mllp_connections_max)
        self._receiver = Receiver(services.storage)
        self._turn = threading.Lock()
        self._open: dict[threading.Thread, MllpConnection] = {}
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.settimeout(_ACCEPT_WAIT_S)
        self.host, self.port = self._socket.getsockname()[:2]

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, then let messages in flight get their answers, and close."""
        try:
            while not stop.is_set():
                self._accept()
        finally:
            self._socket.close()
            self._wind_up()

    def _accept(self) -> None:
        try:
            sock, address = self._socket.accept()
        except TimeoutError:
            return
        except OSError as error:
            # Out of file descriptors, or a connection that was gone at once: the others must not suffer.
            logger.warning("connection not accepted", extra={"problem": type(error).__name__})
            time.sleep(_PAUSE_AFTER_FAILURE_S)
            return
        if not self._places.acquire(blocking=False):
            logger.warning("too many connections", extra={"peer": address[0]})
            sock.close()
            return
        self._start(sock, address[0])

    def _start(self, sock: socket.socket, peer: str) -> None:
        _keep_alive(sock)
        connection = MllpConnection(
            sock, self._receiver, FeedConnection(peer, f"{self.host}:{self.port}"), self._limits
        )
        thread = threading.Thread(target=self._serve, args=(sock, connection), name=f"mllp-{peer}", daemon=True)
        with self._turn:
            self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            self._forget(thread, sock)

    def _serve(self, sock: socket.socket, connection: MllpConnection) -> None:
        try:
            connection.serve()
        except OSError as error:
            logger.info("connection broke", extra={"problem": type(error).__name__})
        except Exception as error:  # noqa: BLE001 - one connection's trouble is not the others'
            logger.error("connection failed", extra={"problem": type(error).__name__})
        finally:
            self._forget(threading.current_thread(), sock)

    def _forget(self, thread: threading.Thread, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.close()
        with self._turn:
            known = self._open.pop(thread, None)
        if known is not None:
            self._places.release()

    def _wind_up(self) -> None:
        with self._turn:
            waiting = dict(self._open)
        for connection in waiting.values():
            connection.stopping = True
        deadline = time.monotonic() + self._stop_timeout_s
        for thread in waiting:
            thread.join(max(0.0, deadline - time.monotonic()))


def _keep_alive(sock: socket.socket) -> None:
    """Notice within minutes that a sender's machine is gone; answers are small and leave at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, seconds)


def serve_mllp(services: IngestServices, host: str, port: int, stop: threading.Event) -> None:
    """Take HL7 v2 messages at the address until `stop` is set. Raises OSError when the address is taken."""
    MllpListener(services, host, port).run(stop)
