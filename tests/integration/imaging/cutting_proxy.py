"""A TCP relay in front of a PACS that cuts the line after so many bytes of an answer."""

from __future__ import annotations

import contextlib
import socket
import threading


class CuttingProxy:
    """After `cut_after(n)`, every answer dies when n bytes of answers have passed; `heal()` ends that."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._allowance: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int) -> None:
        self._allowance = count

    def heal(self) -> None:
        self._allowance = None

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._target)) as far, contextlib.suppress(OSError):
            threading.Thread(target=_copy, args=(near, far), daemon=True).start()
            while block := far.recv(8192):
                if self._allowance is not None:
                    passed = min(len(block), self._allowance)
                    self._allowance -= passed
                    if passed < len(block):
                        near.sendall(block[:passed])
                        break
                near.sendall(block)
            near.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(8192):
            target.sendall(block)
