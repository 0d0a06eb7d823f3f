"""A trust's PACS for the tests of imaging: Orthanc that can also be filled and frozen."""

from __future__ import annotations

import signal

import requests

from tests.support import orthanc
from tests.support.postgresql import Missing


def is_installed() -> bool:
    try:
        return bool(orthanc.find_program() and orthanc.find_dicomweb_plugin())
    except Missing:
        return False


class Orthanc(orthanc.Orthanc):
    """One running server."""

    @property
    def dimse_address(self) -> str:
        return f"dicom://{self.aet}@127.0.0.1:{self.dicom_port}"

    def upload(self, part10: bytes) -> None:
        requests.post(f"{self.url}/instances", data=part10, timeout=30).raise_for_status()

    def freeze(self) -> None:
        """Its ports stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)
