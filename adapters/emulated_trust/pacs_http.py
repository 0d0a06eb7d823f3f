"""An HTTP listener on loopback that can be closed, opened again and frozen while others talk to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Handler(WSGIRequestHandler):
    """Writes no log line, since a query names patients; keeps its socket where a stop can find it."""

    disable_nagle_algorithm = True
    connections: set[socket.socket]

    def setup(self) -> None:
        super().setup()
        self.connections.add(self.connection)

    def finish(self) -> None:
        self.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (the name that werkzeug gave it)
        return


class HttpListener:
    """One port. `stop` closes it and every connection; `freeze` leaves it open and answers nobody."""

    def __init__(self, application: WSGIApplication, port: int) -> None:
        self._application = application
        self.port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[socket.socket] = set()
        self._moving = threading.Event()
        self._moving.set()

    def start(self) -> None:
        if self._server is not None:
            return
        self._moving.set()
        handler = type("Handler", (_Handler,), {"connections": self._connections})
        self._server = make_server("127.0.0.1", self.port, self._gate, threaded=True, request_handler=handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="pacs-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._moving.set()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server = self._thread = None

    def freeze(self) -> None:
        self._moving.clear()

    def thaw(self) -> None:
        self._moving.set()

    def _gate(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._moving.wait()
        return self._application(environ, start_response)
