"""Browser assets are pinned, checked, complete or absent, and ask no other host for anything."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path

import click
import pytest

from fhir_server.cli import assets

ROOT = Path(__file__).parents[3]


def archive(folder: Path, names: list[str]) -> Path:
    path = folder / "ohif-app-3.13.2.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"text"))
    return path


def test_only_the_built_viewer_is_unpacked_without_its_unused_parts(tmp_path):
    names = ["package/dist/index.html", "package/dist/ort/ort.wasm", "package/package.json", "package/dist/a/b.js"]
    names.append("package/dist/dicom-microscopy-viewer/x.js")
    (tmp_path / "out").mkdir()
    assets._unpack_ohif(archive(tmp_path, names), tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"index.html", "a/b.js"}


def test_archive_that_leaves_its_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(tarfile.FilterError):
        assets._unpack_ohif(archive(tmp_path, ["package/dist/../../outside.js"]), tmp_path / "out")


def test_archive_with_another_checksum_is_deleted_and_refused(tmp_path, monkeypatch):
    wrong = archive(tmp_path, ["package/dist/index.html"])
    monkeypatch.setattr(assets, "_npm", lambda *_arguments, **_folder: None)
    with pytest.raises(click.ClickException, match="SHA-512"):
        assets._install_ohif("npm", tmp_path, tmp_path / "out")
    assert not wrong.exists()


def test_interrupted_installation_leaves_nothing_and_is_done_again(tmp_path):
    def fail(part: Path) -> None:
        (part / "half").write_text("x")
        raise KeyboardInterrupt

    target = tmp_path / "viewer"
    with pytest.raises(KeyboardInterrupt):
        assets._once(target, "viewer@1", fail)
    assert not target.exists()
    assets._once(target, "viewer@1", lambda part: (part / "whole.js").write_text("y" * 2000) and None)
    assert sorted(path.name for path in target.iterdir()) == [".version", "whole.js", "whole.js.gz"]
    assert gzip.decompress((target / "whole.js.gz").read_bytes()) == b"y" * 2000


def test_installed_version_is_kept_and_another_replaces_it(tmp_path):
    installed: list[str] = []
    for version in ("viewer@1", "viewer@1", "viewer@2"):
        assets._once(tmp_path / "viewer", version, lambda _part, version=version: installed.append(version))
    assert installed == ["viewer@1", "viewer@2"]


def test_lock_file_names_no_registry():
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert all("integrity" in package for name, package in json.loads(lock)["packages"].items() if name)


def test_installed_design_system_asks_no_other_host():
    sheet = ROOT / ".assets" / "nhsuk" / "nhsuk-frontend.min.css"
    if not sheet.exists():
        pytest.skip("the browser assets are not installed (make assets)")
    text = sheet.read_text(encoding="utf-8")
    assert re.findall(r"url\(\s*['\"]?(?:https?:)?//", text) == []
    assert all((sheet.parent / name).exists() for name in re.findall(r"url\(([^)#?:]+)\)", text))
