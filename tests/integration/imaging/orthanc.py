"""A real Orthanc as a trust's PACS, on free ports and in a folder of its own, that can be stopped and frozen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import urllib3

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def is_installed() -> bool:
    return Path(PROGRAM).exists() and Path(PLUGIN).exists()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Orthanc:
    """One server. `aet` is its application entity title; `modalities` are the C-MOVE destinations it knows."""

    def __init__(self, folder: Path, aet: str, modalities: dict[str, tuple[str, int]] | None = None) -> None:
        self.aet = aet
        self.http_port, self.dicom_port = free_port(), free_port()
        self._folder = folder
        self._modalities = modalities or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager()

    @property
    def dicomweb_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    @property
    def dimse_address(self) -> str:
        return f"dicom://{self.aet}@127.0.0.1:{self.dicom_port}"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "orthanc.json"
        path.write_text(json.dumps(self._configuration()))
        log = (self._folder / "log").open("wb")
        environment = {**os.environ, "TCP_NODELAY": "1"}
        self._process = subprocess.Popen([PROGRAM, str(path)], stdout=log, stderr=log, env=environment)
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def freeze(self) -> None:
        """Its ports stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def upload(self, part10: bytes) -> None:
        answer = self._http.request("POST", f"http://127.0.0.1:{self.http_port}/instances", body=part10)
        assert answer.status == 200, answer.data

    def _configuration(self) -> dict[str, object]:
        return {
            "Name": self.aet,
            "StorageDirectory": str(self._folder / "storage"),
            "IndexDirectory": str(self._folder / "index"),
            "Plugins": [PLUGIN],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": self.aet,
            "DicomPort": self.dicom_port,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {aet: [aet, host, port] for aet, (host, port) in self._modalities.items()},
            "SyncStorageArea": False,
            "HttpCompressionEnabled": False,
            "StableAge": 5,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False, "Host": "", "Ssl": False},
        }

    def _wait(self) -> None:
        for _ in range(300):
            try:
                if self._http.request("GET", f"http://127.0.0.1:{self.http_port}/system", retries=False).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text()[-2000:])
