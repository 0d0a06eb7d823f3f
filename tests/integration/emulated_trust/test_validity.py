"""An independent checker finds no fault in the synthetic objects."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.emulated_trust.archive import Held
from adapters.emulated_trust.dataset import make_instance, make_part10
from adapters.emulated_trust.images import KINDS
from adapters.emulated_trust.pacs_jpeg import make_compressed_part10
from tests.support.emulated_studies import make_study

_CHECKER = shutil.which("dciodvfy")

pytestmark = pytest.mark.skipif(_CHECKER is None, reason="dciodvfy is not installed (apt-get install dicom3tools)")


def _faults(content: bytes, path: Path) -> list[str]:
    path.write_bytes(content)
    said = subprocess.run([str(_CHECKER), str(path)], capture_output=True, text=True, timeout=60, check=False).stderr
    return [line for line in said.splitlines() if line.startswith(("Error", "Warning"))]


@pytest.mark.parametrize("kind", KINDS)
def test_object_has_every_attribute_that_its_modules_require(kind: str, tmp_path: Path) -> None:
    study = make_study(kind)
    for instance in (study.instances[0], study.instances[-1]):
        assert _faults(make_part10(make_instance(study, instance)), tmp_path / "object.dcm") == []


def test_compressed_object_is_valid_too(tmp_path: Path) -> None:
    study = make_study("us-abdomen")
    assert _faults(make_compressed_part10(Held(study, study.instances[0])), tmp_path / "object.dcm") == []
