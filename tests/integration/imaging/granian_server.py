"""The application on the web server that production uses, in a forked process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import requests
from flask import Flask

from tests.support.ports import free_port


class GranianServer:
    """Granian over WSGI, HTTP/1.1, forked so that it sees the test's region as it is."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._port = free_port()
        self._process = multiprocessing.get_context("fork").Process(target=self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> GranianServer:
        self._process.start()
        for _ in range(100):
            try:
                requests.get(f"{self.url}/dicomweb/studies?limit=1", timeout=5)
                return self
            except requests.exceptions.ConnectionError:
                time.sleep(0.1)
        raise RuntimeError("Granian did not start")

    def __exit__(self, *_: object) -> None:
        if self._process.pid:
            os.kill(self._process.pid, signal.SIGTERM)
        self._process.join(10)

    def _serve(self) -> None:
        from granian.constants import HTTPModes, Interfaces
        from granian.server import Server

        multiprocessing.set_start_method("fork", force=True)
        server = Server(
            "app", address="127.0.0.1", port=self._port, interface=Interfaces.WSGI, http=HTTPModes.http1,
            blocking_threads=4,
        )  # fmt: skip
        server.serve(target_loader=lambda *_: self._app, wrap_loader=False)
