"""OHIF's unmodified distribution, served below a path of ours: rewritten once, compressed once, kept beside it.

Its build assumes the root of a host; the public path compiled into its scripts is replaced, or no chunk would load. Its
service worker, which would fetch code from outside, is replaced by an empty file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from fhir_server.errors import NotFound, Unavailable

_TEXT = frozenset({".js", ".css", ".html", ".json", ".svg", ".wasm"})
_HASHED = re.compile(r"(^|[.\-/])[0-9a-f]{16}\.")
_RULES = 2  # raise it when the rewriting changes: what was prepared by older rules is not used again
_EMPTY = frozenset({"init-service-worker.js", "sw.js"})
_PUBLIC_PATH = re.compile(rb'(__webpack_require__\.p ?= ?)"/"')
_LINKS = re.compile(rb'((?:href|src|content)="|PUBLIC_URL=")/(?!/)')
_TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json", ".woff2": "font/woff2"}


@dataclass(frozen=True)
class Asset:
    """One file as it is sent. `is_gzipped`: `content` is the compressed form; `lasting`: its name changes with it."""

    content: bytes
    content_type: str
    is_gzipped: bool
    lasting: bool
    etag: str


class ViewerAssets:
    """`dist` is the unpacked distribution, `mount` the path that it is served below, such as `/viewer`."""

    def __init__(self, dist: Path, mount: str) -> None:
        self._dist = dist
        self._mount = mount.strip("/")
        self._prepared = dist.parent / f".{dist.name}-served-{self._mount.replace('/', '-')}"
        self._turn = threading.Lock()
        self._memory: dict[str, bytes] = {}

    def is_installed(self) -> bool:
        return (self._dist / "index.html").is_file()

    def find(self, name: str) -> Asset | None:
        """The file with this name; None when there is none (a page of the viewer's own router)."""
        if not self.is_installed():
            raise Unavailable("The image viewer is not installed on this server.")
        if name in _EMPTY:
            return Asset(b"", "text/javascript", False, False, '"empty"')
        dist = self._dist.resolve()
        if "\0" in name or not (path := (dist / name).resolve()).is_relative_to(dist):
            raise NotFound("There is nothing at this address.")
        # Under its own name, however the address spells it: each name is prepared and kept once.
        return self._make(path, path.relative_to(dist).as_posix()) if path.is_file() else None

    def index(self) -> Asset:
        found = self.find("index.html")
        if found is None:
            raise NotFound("There is nothing at this address.")
        return found

    def _make(self, path: Path, name: str) -> Asset:
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        is_text = path.suffix in _TEXT
        content = self._compressed(path, name) if is_text else path.read_bytes()
        stamp = f'"{_RULES}-{path.stat().st_size:x}-{path.stat().st_mtime_ns:x}"'  # a browser keeps the rewritten form
        return Asset(content, kind, is_text, bool(_HASHED.search(name)), stamp)

    def _compressed(self, path: Path, name: str) -> bytes:
        """The rewritten, compressed form, made at the first request and kept on disk; in memory where the folder
        cannot be written."""
        stat = path.stat()
        key = hashlib.sha256(f"{_RULES}|{name}|{stat.st_size}|{stat.st_mtime_ns}|{self._mount}".encode()).hexdigest()
        kept = self._prepared / f"{key}.gz"
        if key in self._memory or kept.is_file():
            return self._memory.get(key) or kept.read_bytes()
        with self._turn:  # one script weighs 17 MB: not twice at the same time
            if kept.is_file():
                return kept.read_bytes()
            content = gzip.compress(self._rewrite(path.read_bytes(), path.suffix), 6, mtime=0)
            if not _keep(kept, content):
                self._memory[key] = content
            return content

    def _rewrite(self, content: bytes, suffix: str) -> bytes:
        mount = self._mount.encode()
        if suffix == ".js":
            return _PUBLIC_PATH.sub(rb'\1"/' + mount + rb'/"', content)
        if suffix == ".css":
            return content.replace(b"url(/", b"url(/" + mount + b"/")
        if suffix == ".html":
            return _LINKS.sub(rb"\1/" + mount + rb"/", content)
        return content.replace(b'"/assets/', b'"/' + mount + b"/assets/") if suffix == ".json" else content


def _keep(path: Path, content: bytes) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        return False
    return True


def app_config(mount: str, dicomweb_root: str) -> str:
    """OHIF's configuration: one data source, ours; no study list, no outside host, no first-use tour over the image."""
    source = {
        "friendlyName": "Imaging record",
        "name": "record",
        "qidoRoot": dicomweb_root,
        "wadoRoot": dicomweb_root,
        "wadoUriRoot": dicomweb_root,
        "imageRendering": "wadors",
        "thumbnailRendering": "wadors",
        "enableStudyLazyLoad": True,
        "qidoSupportsIncludeField": False,
        "supportsFuzzyMatching": False,
        "supportsWildcard": False,
        "staticWado": False,
        "singlepart": "",
        "bulkDataURI": {"enabled": True},
        "omitQuotationForMultipartRequest": True,
    }
    config = {
        "name": "record",
        "routerBasename": mount,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": False,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "investigationalUseDialog": {"option": "never"},
        "maxNumberOfWebWorkers": 3,
        "maxNumRequests": {"interaction": 20, "thumbnail": 5, "prefetch": 10},
        "defaultDataSourceName": "record",
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": "record",
                "configuration": source,
            }
        ],
    }
    tours = 'try { localStorage.setItem("shownTours", JSON.stringify(["basicViewerTour"])); } catch (e) {}'
    return f"window.config = {json.dumps(config, indent=1)};\n{tours}\n"
