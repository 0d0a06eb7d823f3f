"""A real PACS for tests: Orthanc with its DICOMweb plugin on free ports, as one trust would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.ports import free_port, wait_for_port
from tests.support.postgresql import Missing

_PLUGIN_FOLDERS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc", "/usr/local/share/orthanc/plugins")


def find_program() -> str:
    """The path of Orthanc; Missing when it is not installed."""
    if found := shutil.which("Orthanc"):
        return found
    raise Missing("Orthanc is not installed (apt-get install orthanc orthanc-dicomweb)")


def find_dicomweb_plugin() -> str:
    """The path of the DICOMweb plugin; Missing when it is not installed."""
    for folder in map(Path, _PLUGIN_FOLDERS):
        for plugin in sorted(folder.glob("libOrthancDicomWeb.so*")):
            return str(plugin)
    raise Missing("Orthanc's DICOMweb plugin is not installed (apt-get install orthanc-dicomweb)")


class Orthanc:
    """One PACS. `dicomweb_url` is its DICOMweb root, `aet` and `dicom_port` its DIMSE side, `url` its own REST API."""

    def __init__(self, name: str = "TRUSTPACS", *, modalities: dict[str, list[Any]] | None = None, **keys: Any) -> None:
        program, plugin = find_program(), find_dicomweb_plugin()
        self.aet = name[:16]
        self.http_port, self.dicom_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="record-orthanc-"))
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.dicomweb_url = f"{self.url}/dicom-web"
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(plugin, modalities or {}) | keys), encoding="utf-8")
        self._command = [program, str(configuration)]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start (again) and wait until both ports answer."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env={**os.environ, "TCP_NODELAY": "1"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for_port(self.http_port)
        wait_for_port(self.dicom_port)
        return self.process

    def stop(self) -> None:
        """Stop it; its images stay, and `start` brings it back."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self) -> None:
        """Stop it and delete its images."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configuration(self, plugin: str, modalities: dict[str, list[Any]]) -> dict[str, Any]:
        """`Host` empty makes the plugin write addresses with the port of the request."""
        return {
            "Name": self.aet,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "Plugins": [plugin],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": self.aet,
            "DicomPort": self.dicom_port,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": modalities,
            "StableAge": 1,
            "SyncStorageArea": False,
            "WebDavEnabled": False,
            "HttpCompressionEnabled": False,
            "DicomWeb": {
                "Enable": True,
                "Root": "/dicom-web/",
                "EnableWado": True,
                "WadoRoot": "/wado",
                "Host": "",
                "Ssl": False,
                "StudiesMetadata": "Full",
                "SeriesMetadata": "Full",
            },
        }
